import { useQuery } from '@connectrpc/connect-query';
import { UsageService } from '../../gen/paddock/v1/usage_pb';
import type { User } from '../../gen/paddock/v1/users_pb';
import { ErrorNotice } from '../../ui/notice';
import { Skeleton } from '../../ui/skeleton';
import { DAYS } from '../usage/figures';
import { QuotaMeters } from '../usage/quota-meters';
import { UsageReport } from '../usage/usage-report';
import { QuotaForm } from './quota-form';
import { Section } from './section';

/** What the user has used, what is left, and how much it may be. */
export function UserUsage({ user }: { user: User }) {
  const { data, error, refetch } = useQuery(UsageService.method.getQuota, { userId: user.id });
  const quota = data?.quota;
  const requests = quota?.effectiveRequestsPerMinute;
  return (
    <>
      {quota ? (
        <>
          <QuotaMeters quota={quota} />
          <p className="flex flex-wrap items-baseline justify-between gap-x-3">
            <span className="text-fg-2">Requests a minute</span>
            <span className="text-fg-2">
              {requests ? `at most ${requests.toLocaleString()}` : 'no limit'}
            </span>
          </p>
          <Section title="Quota">
            <QuotaForm user={user} quota={quota} />
          </Section>
        </>
      ) : error ? (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton lines={6} />
      )}
      <Section title={`The last ${DAYS} days`}>
        <UsageReport
          userId={user.id}
          empty={<p className="text-sm text-fg-2">They have not called a model in this time.</p>}
        />
      </Section>
    </>
  );
}
