import { Meter } from '@base-ui/react/meter';
import { useQuery } from '@connectrpc/connect-query';
import clsx from 'clsx';
import { seconds } from '../../api/errors';
import { AuthService, type RateLimit } from '../../gen/paddock/v1/auth_pb';
import { ErrorNotice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Skeleton } from '../../ui/skeleton';

/** How often the state is asked for while the page is looked at, in milliseconds. Asking costs none of the limit. */
const EVERY = 5000;

/** What is left of the user's limits. */
export function Limits() {
  const { data, error, refetch } = useQuery(AuthService.method.whoAmI, {}, { refetchInterval: EVERY });
  return (
    <Card title="Limits">
      {data && <Requests limit={data.rateLimit} />}
      {!data &&
        (error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : <Skeleton lines={3} />)}
    </Card>
  );
}

function Requests({ limit: rate }: { limit: RateLimit | undefined }) {
  if (!rate) return <p className="text-fg-2">Your requests are not limited.</p>;
  const { limit, remaining, resetSeconds } = rate;
  const isFull = remaining >= limit;
  return (
    <Meter.Root value={remaining} max={limit} className="flex flex-col gap-2">
      <div className="flex items-baseline justify-between gap-3">
        <Meter.Label className="text-fg-2">Requests left</Meter.Label>
        <span className="tabular-nums">
          <b className="text-lg font-semibold">{remaining.toLocaleString()}</b>{' '}
          <span className="text-fg-2">of {limit.toLocaleString()} a minute</span>
        </span>
      </div>
      <Meter.Track className="h-2 overflow-hidden rounded-full bg-active">
        <Meter.Indicator
          className={clsx(
            'rounded-full transition-[width] duration-300',
            remaining === 0 ? 'bg-bad' : remaining * 5 < limit ? 'bg-warn' : 'bg-accent',
          )}
        />
      </Meter.Track>
      <p className="text-xs text-fg-3">
        {isFull
          ? 'The whole minute’s worth is yours to use.'
          : `All of it is back in ${seconds(resetSeconds)}.`}{' '}
        Your API keys draw on the same limit.
      </p>
    </Meter.Root>
  );
}
