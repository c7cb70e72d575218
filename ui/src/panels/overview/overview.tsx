import { useQuery } from '@connectrpc/connect-query';
import { OverviewService } from '../../gen/paddock/v1/overview_pb';
import { ErrorNotice } from '../../ui/notice';
import { Page } from '../../ui/page';
import { ExpiringKeys } from './expiring-keys';
import { Figures } from './figures';
import { Health } from './health';
import { RecentEvents } from './recent-events';
import { SignIns } from './sign-ins';
import { Usage } from './usage';

/** How often the figures are asked for anew, in milliseconds. */
const REFRESH = 60_000;

/** How the installation is doing, on one page. */
export function Overview() {
  const { data, error, refetch } = useQuery(
    OverviewService.method.getOverview,
    {},
    { refetchInterval: REFRESH },
  );
  const overview = data?.overview;
  return (
    <Page title="Overview" lead="How this installation is doing, and what it has done over the last 28 days.">
      {error && <ErrorNotice error={error} onRetry={() => void refetch()} />}
      {(overview ?? !error) && (
        <>
          <Figures overview={overview} />
          <div className="grid gap-4 lg:grid-cols-2">
            <Usage days={overview?.usageDays} />
            <SignIns days={overview?.signInDays} />
          </div>
        </>
      )}
      <div className="grid items-start gap-4 lg:grid-cols-3">
        <Health overview={overview} />
        <ExpiringKeys keys={overview?.expiringKeys} />
        <RecentEvents />
      </div>
    </Page>
  );
}
