import { useMemo } from 'react';
import type { AuditEntry } from '../../gen/paddock/v1/audit_pb';
import { Columns, type Series } from '../../ui/charts';
import { bucketsOf, namesOf } from './buckets';
import { countOf, timeOf } from './entry';
import { outcomes } from './search';

const series: Series[] = [
  { name: 'success', tone: 'accent' },
  { name: 'failure', tone: 'bad' },
  { name: 'denied', tone: 'warn' },
];

interface HistogramProps {
  entries: AuditEntry[];
  /** The stretch of time of which the entries are all there are. */
  from: Date;
  to: Date;
}

/** When the entries that are shown happened, by outcome. */
export function Histogram({ entries, from, to }: HistogramProps) {
  const columns = useMemo(() => {
    const buckets = bucketsOf(entries, timeOf, from.getTime(), to.getTime());
    const names = namesOf(buckets.map((bucket) => bucket.start));
    return buckets.map(({ items }, i) => ({
      name: names[i]!,
      values: outcomes.map((outcome) => items.filter((entry) => entry.outcome === outcome).length),
    }));
  }, [entries, from, to]);
  return (
    <Columns label={`${countOf(entries.length)}, ${spanOf(from, to)}`} series={series} columns={columns} />
  );
}

const format = { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' } as const;
const short = new Intl.DateTimeFormat(undefined, format);
const long = new Intl.DateTimeFormat(undefined, { ...format, year: 'numeric' });

function spanOf(from: Date, to: Date): string {
  return (from.getFullYear() === to.getFullYear() ? short : long).formatRange(from, to);
}
