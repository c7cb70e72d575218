import { Checkbox as Base } from '@base-ui/react/checkbox';
import { Check, Minus } from 'lucide-react';
import type { ReactNode } from 'react';

interface CheckboxProps {
  label: ReactNode;
  /** The label is for screen readers only, as in a table's row. */
  labelHidden?: boolean;
  name?: string;
  value?: string;
  checked?: boolean;
  /** Some but not all of what it stands for. */
  partly?: boolean;
  onChange?: (checked: boolean) => void;
  disabled?: boolean;
}

export function Checkbox({ label, labelHidden, partly = false, onChange, ...box }: CheckboxProps) {
  return (
    <label className="relative inline-flex items-center gap-2 text-sm">
      <Base.Root
        {...box}
        indeterminate={partly}
        onCheckedChange={onChange}
        className="grid size-4 shrink-0 place-items-center rounded-[5px] border border-fg-3 bg-raised after:absolute after:-inset-2 data-checked:border-accent data-checked:bg-accent data-disabled:opacity-50 data-indeterminate:border-accent data-indeterminate:bg-accent"
      >
        <Base.Indicator className="text-accent-fg">
          {partly ? (
            <Minus className="size-3" strokeWidth={3} />
          ) : (
            <Check className="size-3" strokeWidth={3} />
          )}
        </Base.Indicator>
      </Base.Root>
      <span className={labelHidden ? 'sr-only' : undefined}>{label}</span>
    </label>
  );
}
