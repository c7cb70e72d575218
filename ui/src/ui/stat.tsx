import { createLink } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Native } from './button';
import { Skeleton } from './skeleton';

interface StatProps {
  label: string;
  /** Absent while it is loaded. */
  value: number | undefined;
  /** What the number means, or what to do about it. */
  note: ReactNode;
}

const surface = 'flex min-w-0 flex-col gap-1 rounded-xl border border-line bg-panel p-4 shadow-card';

/** A number that matters. */
export function Stat(stat: StatProps) {
  return (
    <div className={surface}>
      <Content {...stat} />
    </div>
  );
}

/** The same, and the way to what it counts; takes the router's to, params and search. */
export const StatLink = createLink(function StatLink({
  label,
  value,
  note,
  ...anchor
}: Omit<Native<'a'>, 'children'> & StatProps) {
  return (
    <a {...anchor} className={`${surface} hover:border-line-strong`}>
      <Content label={label} value={value} note={note} />
    </a>
  );
});

function Content({ label, value, note }: StatProps) {
  return (
    <>
      <span className="text-sm text-fg-2">{label}</span>
      {value === undefined ? (
        <span className="flex h-13 w-16 items-center">
          <Skeleton />
        </span>
      ) : (
        <>
          <span className="text-2xl font-semibold tracking-tight tabular-nums">{value.toLocaleString()}</span>
          <span className="text-xs text-fg-3">{note}</span>
        </>
      )}
    </>
  );
}
