import { useQuery } from '@connectrpc/connect-query';
import { ArrowRight } from 'lucide-react';
import { type AuditEntry, AuditService } from '../../gen/paddock/v1/audit_pb';
import { ButtonLink } from '../../ui/button';
import { ErrorNotice } from '../../ui/notice';
import { Skeleton } from '../../ui/skeleton';
import { Time } from '../../ui/time';
import { EventBadge } from '../audit/events';
import { agentName } from '../sessions/agent';

/** How many of the latest entries are shown. */
const SHOWN = 20;

/** What the user did and what was done to them, from the audit trail. */
export function Activity({ userId }: { userId: string }) {
  const { data, error, refetch } = useQuery(AuditService.method.listAuditEntries, {
    userId,
    pageSize: SHOWN,
  });
  if (!data)
    return error ? <ErrorNotice error={error} onRetry={() => void refetch()} /> : <Skeleton lines={5} />;
  if (data.entries.length === 0) {
    return <p className="text-sm text-fg-2">The audit trail tells nothing of this user yet.</p>;
  }
  return (
    <>
      <ol aria-label="Recent activity" className="divide-y divide-line rounded-xl border border-line">
        {data.entries.map((entry) => (
          <Entry key={entry.id} entry={entry} userId={userId} />
        ))}
      </ol>
      <ButtonLink
        to="/audit/{-$entryId}"
        params={{ entryId: undefined }}
        search={{ user: userId }}
        look="ghost"
        size="sm"
      >
        All of it in the audit log
        <ArrowRight aria-hidden />
      </ButtonLink>
    </>
  );
}

function Entry({ entry, userId }: { entry: AuditEntry; userId: string }) {
  const { outcome, occurredAt, actorUserId, actorEmail, ip, userAgent, detail } = entry;
  return (
    <li className="flex flex-col gap-1 px-3 py-2.5">
      <p className="flex items-center justify-between gap-3">
        <EventBadge event={entry} />
        <span className="shrink-0 text-xs text-fg-3">
          <Time at={occurredAt} />
        </span>
      </p>
      {detail && <p className="text-sm wrap-anywhere text-fg-2">{detail}</p>}
      <p className="line-clamp-2 text-xs wrap-anywhere text-fg-3">
        {outcome !== 'success' && `${outcome} · `}
        {actorUserId && actorUserId !== userId && `by ${actorEmail} · `}
        <span className="font-mono">{ip}</span> · <span title={userAgent}>{agentName(userAgent)}</span>
      </p>
    </li>
  );
}
