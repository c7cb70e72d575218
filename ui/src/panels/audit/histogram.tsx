import type { AuditCount } from '../../gen/paddock/v1/audit_pb';
import { Columns, type Series } from '../../ui/charts';
import { ErrorNotice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { ChartSkeleton } from '../../ui/skeleton';
import { namesOf } from './buckets';
import { countOf } from './entry';
import type { AuditSearch } from './search';
import { type Shown, useCounts } from './use-counts';

const series: Series[] = [
  { name: 'success', tone: 'accent' },
  { name: 'failure', tone: 'bad' },
  { name: 'denied', tone: 'warn' },
];

interface HistogramProps {
  search: AuditSearch;
  /** Which entries the window has. */
  shown: Shown;
}

/** When the entries of the window happened, by outcome: all of them, whichever page of them is shown. */
export function Histogram({ search, shown }: HistogramProps) {
  const { stretches, counts, error, retry } = useCounts(search, shown);
  if (error && !counts) return <ErrorNotice before="The chart is missing." error={error} onRetry={retry} />;
  if (!counts || !stretches) {
    return (
      <Card>
        <ChartSkeleton />
      </Card>
    );
  }
  const entries = counts.reduce((sum, count) => sum + totalOf(count), 0);
  if (entries === 0) return null;
  const names = namesOf(stretches.starts);
  const more = counts.some((count) => count.more);
  const span = spanOf(new Date(stretches.bounds[0]!), new Date(stretches.bounds.at(-1)!));
  return (
    <Card>
      <Columns
        label={`${more ? 'At least ' : ''}${countOf(entries)}, ${span}`}
        series={series}
        columns={counts.map((count, i) => ({
          name: names[i]!,
          values: [count.success, count.failure, count.denied],
          more: count.more,
        }))}
      />
    </Card>
  );
}

function totalOf({ success, failure, denied }: AuditCount): number {
  return success + failure + denied;
}

const format = { month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' } as const;
const short = new Intl.DateTimeFormat(undefined, format);
const long = new Intl.DateTimeFormat(undefined, { ...format, year: 'numeric' });

function spanOf(from: Date, to: Date): string {
  return (from.getFullYear() === to.getFullYear() ? short : long).formatRange(from, to);
}
