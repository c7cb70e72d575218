import clsx from 'clsx';
import { useState, type KeyboardEvent } from 'react';

/** The course of a number, without axes; the number stands beside it. */
export function Sparkline({ values }: { values: number[] }) {
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map(
    (value, i) => `${(i / Math.max(1, values.length - 1)) * 100},${28 - ((value - low) / span) * 24}`,
  );
  return (
    <svg viewBox="0 0 100 30" preserveAspectRatio="none" className="h-8 w-full text-accent" aria-hidden>
      <polygon points={`0,30 ${points.join(' ')} 100,30`} fill="currentColor" opacity="0.14" />
      <polyline
        points={points.join(' ')}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}

const fills = {
  accent: 'bg-accent',
  bad: 'bg-bad',
  warn: 'bg-warn',
  info: 'bg-info',
  ok: 'bg-ok',
  neutral: 'bg-fg-3',
};

export interface Series {
  name: string;
  tone: keyof typeof fills;
}

interface ColumnsProps {
  /** What is shown, for who cannot see it: "Events per hour". */
  label: string;
  series: Series[];
  /** One column each: its name on the axis, and a number for each of the series, the lowest first. more: it has more than that. */
  columns: { name: string; values: number[]; more?: boolean }[];
  format?: (value: number) => string;
}

/** Stacked columns. Pointer and arrow keys read single ones out. */
export function Columns({
  label,
  series,
  columns,
  format = (value) => value.toLocaleString(),
}: ColumnsProps) {
  const [read, setRead] = useState<number>();
  const top = Math.max(1, ...columns.map((column) => total(column.values)));
  const current = read === undefined ? undefined : columns[read];

  const onKeyDown = ({ key }: KeyboardEvent) => {
    if (key === 'ArrowRight') setRead(Math.min(columns.length - 1, (read ?? -1) + 1));
    if (key === 'ArrowLeft') setRead(Math.max(0, (read ?? columns.length) - 1));
    if (key === 'Escape') setRead(undefined);
  };
  const words =
    current &&
    `${current.name}: ${series.map((s, i) => `${s.name} ${format(current.values[i] ?? 0)}`).join(', ')}${current.more ? ', or more' : ''}`;
  return (
    <figure className="relative">
      <div className="mb-3 flex min-h-5 flex-wrap items-center gap-x-4 text-xs text-fg-2">
        <span role="status" className="font-medium text-fg tabular-nums">
          {words ?? label}
        </span>
        {series.length > 1 && (
          <span className="ml-auto flex gap-4">
            {series.map((s) => (
              <span key={s.name} className="inline-flex items-center gap-1.5">
                <span className={clsx('size-2 rounded-full', fills[s.tone])} aria-hidden />
                {s.name}
              </span>
            ))}
          </span>
        )}
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        role="img"
        tabIndex={0}
        aria-label={`${label}. ${words ?? 'Arrow keys read single columns.'}`}
        className="flex h-28 items-end gap-0.5 rounded"
        onKeyDown={onKeyDown}
        onPointerLeave={() => setRead(undefined)}
        onBlur={() => setRead(undefined)}
      >
        {columns.map((column, i) => (
          <div
            key={column.name}
            onPointerEnter={() => setRead(i)}
            className={clsx(
              'flex h-full flex-1 flex-col-reverse transition-opacity',
              read !== undefined && read !== i && 'opacity-45',
            )}
          >
            {series.map(
              (s, k) =>
                Boolean(column.values[k]) && (
                  <div
                    key={s.name}
                    className={clsx('last:rounded-t-[3px]', fills[s.tone])}
                    style={{ height: `${(column.values[k]! / top) * 100}%` }}
                  />
                ),
            )}
          </div>
        ))}
      </div>
      <div className="relative mt-1.5 h-4 text-xs whitespace-nowrap text-fg-3" aria-hidden>
        {columns.map(
          (column, i) =>
            i % Math.ceil(columns.length / 6) === 0 && (
              <span
                key={column.name}
                className="absolute max-sm:nth-[even]:hidden"
                style={underColumn(i, columns.length)}
              >
                {column.name}
              </span>
            ),
        )}
      </div>
    </figure>
  );
}

/** Where a name begins, or ends under one of the last columns: beyond them it would be cut off. */
function underColumn(i: number, columns: number) {
  const percent = (n: number) => `${(n / columns) * 100}%`;
  return i / columns > 0.8 ? { right: percent(columns - i - 1) } : { left: percent(i) };
}

function total(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
