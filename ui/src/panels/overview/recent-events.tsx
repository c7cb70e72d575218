import { useQuery } from '@connectrpc/connect-query';
import { Link } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { type AuditEntry, AuditService } from '../../gen/paddock/v1/audit_pb';
import { Status } from '../../ui/badge';
import { ErrorNotice } from '../../ui/notice';
import { Card } from '../../ui/page';
import { Skeleton } from '../../ui/skeleton';
import { Time } from '../../ui/time';
import { toneOf } from '../audit/events';
import { recentEvents } from '../audit/search';

/** The newest of the audit trail. */
export function RecentEvents() {
  const { data, error, refetch } = useQuery(AuditService.method.listAuditEntries, recentEvents, {
    refetchInterval: 60_000,
  });
  const all = (
    <Link
      to="/audit/{-$entryId}"
      className="inline-flex items-center gap-0.5 rounded font-medium text-accent-text hover:underline pointer-coarse:min-h-11"
    >
      All
      <ChevronRight className="size-3.5" aria-hidden />
    </Link>
  );
  return (
    <Card title="Recent events" aside={all}>
      {data ? (
        <ul className="-my-1 divide-y divide-line">
          {data.entries.map((entry) => (
            <Event key={entry.id} entry={entry} />
          ))}
        </ul>
      ) : error ? (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton lines={6} />
      )}
    </Card>
  );
}

function Event({ entry }: { entry: AuditEntry }) {
  return (
    <li>
      <Link
        to="/audit/{-$entryId}"
        params={{ entryId: entry.id }}
        preload={false}
        className="group/event flex items-center gap-3 rounded py-2 text-sm"
      >
        <span className="min-w-0 flex-1">
          <Status tone={toneOf(entry)}>
            <span className="font-mono text-xs text-fg group-hover/event:underline">{entry.eventType}</span>
          </Status>
          <span className="block truncate pl-3.5 text-xs text-fg-3">{entry.actorEmail || entry.detail}</span>
        </span>
        <span className="shrink-0 text-xs text-fg-3">
          <Time at={entry.occurredAt} />
        </span>
      </Link>
    </li>
  );
}
