import { Menu as Base } from '@base-ui/react/menu';
import clsx from 'clsx';
import { Check } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';

const item =
  'flex min-h-8 w-full cursor-default items-center gap-2.5 rounded-lg px-2 text-sm outline-none data-highlighted:bg-hover ' +
  'data-disabled:opacity-50 pointer-coarse:min-h-11 [&_svg]:size-4 [&_svg]:shrink-0';

interface MenuProps {
  /** The button that opens it. */
  trigger: ReactElement;
  side?: 'top' | 'bottom';
  align?: 'start' | 'end';
  children: ReactNode;
}

export function Menu({ trigger, side = 'bottom', align = 'end', children }: MenuProps) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={6} side={side} align={align} className="z-50">
          <Base.Popup className="min-w-48 rounded-xl border border-line bg-raised p-1 shadow-pop outline-none transition-opacity duration-100 data-ending-style:opacity-0 data-starting-style:opacity-0">
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

interface MenuItemProps {
  icon?: ReactElement;
  onSelect?: () => void;
  /** A link instead of an act. */
  link?: ReactElement;
  danger?: boolean;
  disabled?: boolean;
  /** On the right: keys, a count. */
  aside?: ReactNode;
  children: ReactNode;
}

export function MenuItem({ icon, onSelect, link, danger, disabled, aside, children }: MenuItemProps) {
  return (
    <Base.Item
      render={link}
      nativeButton={false}
      disabled={disabled}
      onClick={onSelect}
      className={clsx(item, danger && 'text-bad-text')}
    >
      {icon && <span className={danger ? undefined : 'text-fg-3'}>{icon}</span>}
      {children}
      {aside && <span className="ml-auto pl-4">{aside}</span>}
    </Base.Item>
  );
}

interface MenuChoiceProps<Value extends string> {
  label: string;
  items: { value: Value; label: string; icon: ReactElement }[];
  value: Value;
  onChange: (value: Value) => void;
}

/** One of several, ticked. */
export function MenuChoice<Value extends string>({ label, items, value, onChange }: MenuChoiceProps<Value>) {
  return (
    <Base.Group>
      <Base.GroupLabel className="px-2 pt-1.5 pb-1 text-xs font-medium text-fg-3">{label}</Base.GroupLabel>
      <Base.RadioGroup value={value} onValueChange={(chosen: Value) => onChange(chosen)}>
        {items.map((choice) => (
          <Base.RadioItem key={choice.value} value={choice.value} className={item}>
            <span className="text-fg-3">{choice.icon}</span>
            {choice.label}
            <Base.RadioItemIndicator className="ml-auto">
              <Check className="text-accent-text" />
            </Base.RadioItemIndicator>
          </Base.RadioItem>
        ))}
      </Base.RadioGroup>
    </Base.Group>
  );
}

/** Words that are no choice. */
export function MenuNote({ children }: { children: ReactNode }) {
  return (
    <Base.Group>
      <Base.GroupLabel className="truncate px-2 pt-1 pb-1.5 text-xs text-fg-3">{children}</Base.GroupLabel>
    </Base.Group>
  );
}

export function MenuSeparator() {
  return <Base.Separator className="my-1 border-t border-line" />;
}
