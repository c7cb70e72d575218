import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';

interface SegmentedProps<Value extends string> {
  /** What is chosen here, for who cannot see it. */
  label: string;
  items: { value: Value; label: string }[];
  value: Value;
  onChange: (value: Value) => void;
}

/** One of a few ways to look at the same thing. */
export function Segmented<Value extends string>({ label, items, value, onChange }: SegmentedProps<Value>) {
  return (
    <ToggleGroup
      aria-label={label}
      value={[value]}
      onValueChange={([chosen]) => chosen && onChange(chosen as Value)}
      className="inline-flex shrink-0 rounded-lg border border-line bg-bg p-0.5"
    >
      {items.map((item) => (
        <Toggle
          key={item.value}
          value={item.value}
          className="h-6 rounded-md px-2 text-xs font-medium text-fg-2 transition-colors hover:text-fg data-pressed:bg-active data-pressed:text-fg pointer-coarse:h-11 pointer-coarse:px-3"
        >
          {item.label}
        </Toggle>
      ))}
    </ToggleGroup>
  );
}
