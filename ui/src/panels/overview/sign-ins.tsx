import type { SignInDay } from '../../gen/paddock/v1/overview_pb';
import { Columns, type Series } from '../../ui/charts';
import { Skeleton } from '../../ui/skeleton';

const series: Series[] = [
  { name: 'went well', tone: 'accent' },
  { name: 'failed', tone: 'bad' },
];

const short = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' });

export function SignIns({ days }: { days: SignInDay[] | undefined }) {
  if (!days) {
    return (
      <div className="h-42">
        <Skeleton lines={5} />
      </div>
    );
  }
  const columns = days.map(({ day, succeeded, failed }) => ({
    name: short.format(new Date(day)),
    values: [succeeded, failed],
  }));
  return <Columns label="Sign-ins per day (UTC)" series={series} columns={columns} />;
}
