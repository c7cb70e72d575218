import { Switch as Base } from '@base-ui/react/switch';
import { useId, type ReactNode } from 'react';

interface SwitchProps {
  label: ReactNode;
  /** What it means, or why it is locked. */
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

/** A row with a label on the left and a switch on the right. */
export function Switch({ label, hint, checked, onChange, disabled }: SwitchProps) {
  const id = useId();
  return (
    <div className="flex items-center justify-between gap-4 py-2.5">
      <div className="min-w-0">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="text-xs text-fg-3">
            {hint}
          </p>
        )}
      </div>
      <Base.Root
        id={id}
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className="relative h-5 w-9 shrink-0 rounded-full bg-fg-3 transition-colors after:absolute after:-inset-3 data-checked:bg-accent data-disabled:opacity-50"
      >
        <Base.Thumb className="block size-4 translate-0.5 rounded-full bg-accent-fg shadow-card transition-transform data-checked:translate-x-[1.125rem]" />
      </Base.Root>
    </div>
  );
}
