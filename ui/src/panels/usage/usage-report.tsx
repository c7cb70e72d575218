import { useQuery } from '@connectrpc/connect-query';
import { useState, type ReactNode } from 'react';
import { UsageService } from '../../gen/paddock/v1/usage_pb';
import { Columns, type Series } from '../../ui/charts';
import { ErrorNotice } from '../../ui/notice';
import { Segmented } from '../../ui/segmented';
import { ChartSkeleton } from '../../ui/skeleton';
import { beginningOf, byDay, type DayUsage, lastDays, nameOf } from './figures';
import { UsageTable } from './usage-table';

type Measure = 'tokens' | 'requests';

const series: Record<Measure, Series[]> = {
  tokens: [
    { name: 'prompt', tone: 'info' },
    { name: 'completion', tone: 'accent' },
  ],
  requests: [{ name: 'requests', tone: 'accent' }],
};

const measures = [
  { value: 'tokens', label: 'Tokens' },
  { value: 'requests', label: 'Requests' },
] as const;

interface UsageReportProps {
  userId: string;
  /** What there is to see of who has called no model yet. */
  empty: ReactNode;
}

/** What a user's model calls of the last 30 days cost: day by day, by model and by API key. */
export function UsageReport({ userId, empty }: UsageReportProps) {
  const [measure, setMeasure] = useState<Measure>('tokens');
  const days = lastDays();
  const from = beginningOf(days);
  const { data, error, refetch } = useQuery(
    UsageService.method.getUsage,
    { userId, from, groupBy: ['day'] },
    { staleTime: 0 }, // a call of a model may have been made meanwhile
  );
  if (!data) {
    return error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : <ChartSkeleton />;
  }
  if (data.rows.length === 0) return empty;
  const usage = byDay(days, data.rows);
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="text-fg-2">{summary(usage)}</p>
        <Segmented label="The columns count" items={[...measures]} value={measure} onChange={setMeasure} />
      </div>
      <Columns
        label={measure === 'tokens' ? 'Tokens per day (UTC)' : 'Requests per day (UTC)'}
        series={series[measure]}
        columns={usage.map(({ day, requests, prompt, completion }) => ({
          name: nameOf(day),
          values: measure === 'tokens' ? [prompt, completion] : [requests],
        }))}
      />
      <UsageTable userId={userId} from={from} />
    </div>
  );
}

function summary(usage: DayUsage[]): string {
  const tokens = usage.reduce((sum, { prompt, completion }) => sum + prompt + completion, 0);
  const requests = usage.reduce((sum, day) => sum + day.requests, 0);
  return `${tokens.toLocaleString()} tokens in ${requests.toLocaleString()} ${requests === 1 ? 'request' : 'requests'}`;
}
