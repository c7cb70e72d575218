import { Meter as Base } from '@base-ui/react/meter';
import clsx from 'clsx';
import type { ReactNode } from 'react';

const fills = { accent: 'bg-accent', warn: 'bg-warn', bad: 'bg-bad' };

interface MeterProps {
  label: string;
  value: number;
  max: number;
  /** What comes on top of the value and may yet be taken back; drawn paler. */
  pending?: number;
  tone?: keyof typeof fills;
  /** The number in large, and what it is out of. */
  figure: string;
  of: string;
  /** What there is to say of it, below. */
  children?: ReactNode;
}

/** How much of something there is or is gone. */
export function Meter({ label, value, max, pending = 0, tone = 'accent', figure, of, children }: MeterProps) {
  const share = (part: number) => `${Math.min(100, (part / Math.max(1, max)) * 100)}%`;
  return (
    <Base.Root
      value={Math.min(value, max)}
      max={max}
      getAriaValueText={() => `${figure} ${of}`}
      className="flex flex-col gap-2"
    >
      <div className="flex flex-wrap items-baseline justify-between gap-x-3">
        <Base.Label className="text-fg-2">{label}</Base.Label>
        <span className="tabular-nums">
          <b className="text-lg font-semibold">{figure}</b> <span className="text-fg-2">{of}</span>
        </span>
      </div>
      <Base.Track className="relative h-2 overflow-hidden rounded-full bg-active">
        {pending > 0 && (
          <span
            className={clsx('absolute inset-y-0 left-0 rounded-full opacity-40', fills[tone])}
            style={{ width: share(value + pending) }}
          />
        )}
        <Base.Indicator
          className={clsx('relative rounded-full transition-[width] duration-300', fills[tone])}
          style={{ width: share(value) }}
        />
      </Base.Track>
      {children && <p className="text-xs text-fg-3">{children}</p>}
    </Base.Root>
  );
}
