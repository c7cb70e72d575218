import { Tabs as Base } from '@base-ui/react/tabs';
import type { ReactNode } from 'react';

interface TabsProps<Value extends string> {
  tabs: { value: Value; label: ReactNode; content: ReactNode }[];
  /** Belongs in the URL. */
  value: Value;
  onChange: (value: Value) => void;
}

export function Tabs<Value extends string>({ tabs, value, onChange }: TabsProps<Value>) {
  return (
    <Base.Root
      value={value}
      onValueChange={(chosen: Value) => onChange(chosen)}
      className="flex flex-col gap-4"
    >
      <Base.List className="relative flex gap-1 overflow-x-auto border-b border-line">
        {tabs.map((tab) => (
          <Base.Tab
            key={tab.value}
            value={tab.value}
            className="h-control shrink-0 rounded-t-md px-2.5 text-sm font-medium text-fg-2 -outline-offset-2 hover:text-fg data-active:text-fg"
          >
            {tab.label}
          </Base.Tab>
        ))}
        <Base.Indicator className="absolute bottom-0 left-0 h-0.5 w-(--active-tab-width) translate-x-(--active-tab-left) rounded-full bg-accent transition-all duration-200" />
      </Base.List>
      {tabs.map((tab) => (
        <Base.Panel key={tab.value} value={tab.value} className="flex flex-col gap-4">
          {tab.content}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}
