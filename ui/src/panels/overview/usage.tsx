import { useState } from 'react';
import type { UsageDay } from '../../gen/paddock/v1/overview_pb';
import { Columns, type Series } from '../../ui/charts';
import { Card } from '../../ui/page';
import { Segmented } from '../../ui/segmented';
import { ChartSkeleton } from '../../ui/skeleton';
import { nameOf } from '../usage/figures';

const measures = [
  { value: 'tokens', label: 'Tokens' },
  { value: 'requests', label: 'Requests' },
] as const;

type Measure = (typeof measures)[number]['value'];

/** What the models had to do, day by day. */
export function Usage({ days }: { days: UsageDay[] | undefined }) {
  const [measure, setMeasure] = useState<Measure>('tokens');
  const series: Series[] = [{ name: measure, tone: 'accent' }];
  const sum = days?.reduce((total, day) => total + day[measure], 0n) ?? 0n;
  return (
    <Card
      title="Usage"
      aside={
        <>
          {days && `${sum.toLocaleString()} ${measure}`}
          <Segmented label="The columns count" items={[...measures]} value={measure} onChange={setMeasure} />
        </>
      }
    >
      {days ? (
        <Columns
          label={`${measure === 'tokens' ? 'Tokens' : 'Requests'} per day (UTC)`}
          series={series}
          columns={days.map((day) => ({ name: nameOf(day.day), values: [Number(day[measure])] }))}
        />
      ) : (
        <ChartSkeleton />
      )}
    </Card>
  );
}
