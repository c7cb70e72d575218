import { useQuery } from '@connectrpc/connect-query';
import { seconds } from '../../api/errors';
import { AuthService, type RateLimit } from '../../gen/paddock/v1/auth_pb';
import { UsageService } from '../../gen/paddock/v1/usage_pb';
import { Meter } from '../../ui/meter';
import { ErrorNotice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Skeleton } from '../../ui/skeleton';
import { QuotaMeters } from '../usage/quota-meters';

/** How often the state is asked for while the page is looked at, in milliseconds. WhoAmI costs none of the limit. */
const EVERY = 5000;

/** What is left of the user's limits. */
export function Limits() {
  const me = useQuery(AuthService.method.whoAmI, {}, { refetchInterval: EVERY });
  // Who has no token quota is told of what they used by this call alone, which the rate limit counts.
  const asked = useQuery(
    UsageService.method.getQuota,
    {},
    { enabled: me.data !== undefined && !me.data.quota, staleTime: Infinity, refetchOnMount: 'always' },
  );
  const quota = me.data?.quota ?? asked.data?.quota;
  const failed = [me, asked].find(({ data, error }) => error && !data);
  return (
    <Card title="Limits">
      {failed ? (
        <ErrorNotice error={failed.error} onRetry={() => void failed.refetch()} />
      ) : me.data && quota ? (
        <div className="flex flex-col gap-4">
          <Requests limit={me.data.rateLimit} />
          <QuotaMeters quota={quota} />
          <p className="text-xs text-fg-3">
            Your API keys draw on the same limits. Days and months are those of UTC.
          </p>
        </div>
      ) : (
        <Skeleton lines={6} />
      )}
    </Card>
  );
}

function Requests({ limit: rate }: { limit: RateLimit | undefined }) {
  if (!rate) return <p className="text-fg-2">Your requests are not limited.</p>;
  const { limit, remaining, resetSeconds } = rate;
  return (
    <Meter
      label="Requests left"
      value={remaining}
      max={limit}
      tone={remaining === 0 ? 'bad' : remaining * 5 < limit ? 'warn' : 'accent'}
      figure={remaining.toLocaleString()}
      of={`of ${limit.toLocaleString()} a minute`}
    >
      {remaining >= limit
        ? 'The whole minute’s worth is yours to use.'
        : `All of it is back in ${seconds(resetSeconds)}.`}
    </Meter>
  );
}
