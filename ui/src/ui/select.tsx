import { Select as Base } from '@base-ui/react/select';
import clsx from 'clsx';
import { Check, ChevronsUpDown } from 'lucide-react';
import type { ReactElement } from 'react';

export interface SelectItem<Value extends string> {
  value: Value;
  label: string;
  /** Stands beside the label in the list, less loud. */
  detail?: string;
}

interface SelectProps<Value extends string> {
  items: SelectItem<Value>[];
  value: Value;
  onChange: (value: Value) => void;
  /** What is chosen here; leave it out in a Field, which has a label. */
  label?: string;
  icon?: ReactElement;
  /** As wide as its place. */
  wide?: boolean;
  disabled?: boolean;
}

export function Select<Value extends string>({
  items,
  value,
  onChange,
  label,
  icon,
  wide,
  disabled,
}: SelectProps<Value>) {
  return (
    <Base.Root
      items={items}
      value={value}
      onValueChange={(chosen) => chosen !== null && onChange(chosen)}
      disabled={disabled}
    >
      <Base.Trigger
        aria-label={label}
        className={clsx(
          'inline-flex h-control max-w-full min-w-0 items-center gap-2 rounded-lg border border-line-strong bg-raised px-3 text-sm shadow-card select-none hover:bg-hover disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0',
          wide && 'w-full justify-between',
        )}
      >
        {icon && <span className="text-fg-3">{icon}</span>}
        <Base.Value className="truncate" />
        <Base.Icon className="text-fg-3">
          <ChevronsUpDown className="size-3.5!" />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={6} alignItemWithTrigger={false} className="z-50">
          <Base.Popup className="max-h-[min(24rem,var(--available-height))] max-w-[var(--available-width)] min-w-(--anchor-width) overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-pop outline-none transition-opacity duration-100 data-ending-style:opacity-0 data-starting-style:opacity-0">
            {items.map((item) => (
              <Base.Item
                key={item.value}
                value={item.value}
                className="flex min-h-8 cursor-default items-center gap-2 rounded-lg py-1 pr-3 pl-2 text-sm outline-none data-highlighted:bg-hover pointer-coarse:min-h-11"
              >
                <span className="w-4 shrink-0">
                  <Base.ItemIndicator>
                    <Check className="size-4 text-accent-text" />
                  </Base.ItemIndicator>
                </span>
                <Base.ItemText className="truncate">{item.label}</Base.ItemText>
                {item.detail && <span className="ml-auto pl-4 text-xs text-fg-3">{item.detail}</span>}
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
