import type { SignInDay } from '../../gen/paddock/v1/overview_pb';
import { Columns, type Series } from '../../ui/charts';
import { Card } from '../../ui/page';
import { ChartSkeleton } from '../../ui/skeleton';
import { nameOf } from '../usage/figures';

const series: Series[] = [
  { name: 'went well', tone: 'accent' },
  { name: 'failed', tone: 'bad' },
];

export function SignIns({ days }: { days: SignInDay[] | undefined }) {
  return (
    <Card title="Sign-ins">
      {days ? (
        <Columns
          label="Sign-ins per day (UTC)"
          series={series}
          columns={days.map(({ day, succeeded, failed }) => ({
            name: nameOf(day),
            values: [succeeded, failed],
          }))}
        />
      ) : (
        <ChartSkeleton />
      )}
    </Card>
  );
}
