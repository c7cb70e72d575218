import { Link } from '@tanstack/react-router';
import type { ComponentProps } from 'react';
import type { AuditEntry } from '../../gen/paddock/v1/audit_pb';
import { Skeleton } from '../../ui/skeleton';
import { Cell, Head, ListTable, Row, rowLink } from '../../ui/table';
import { agentName } from '../sessions/agent';
import { EventBadge } from './events';
import { Moment } from './moment';

interface EntriesTableProps {
  /** Absent while they are loaded. */
  entries: AuditEntry[] | undefined;
  /** They are not those that were asked for last. */
  stale: boolean;
  selected: string | undefined;
  onOpen: (id: string) => void;
  pagination: ComponentProps<typeof ListTable>['pagination'];
}

export function EntriesTable({ entries, stale, selected, onOpen, pagination }: EntriesTableProps) {
  const head = (
    <>
      <Head>Time</Head>
      <Head>Event</Head>
      <Head wideOnly>User</Head>
      <Head wideOnly>IP</Head>
      <Head wideOnly>Agent</Head>
    </>
  );
  return (
    <ListTable label="Audit entries" head={head} loading={!entries} stale={stale} pagination={pagination}>
      {entries?.map((entry) => (
        <EntryRow key={entry.id} entry={entry} selected={entry.id === selected} onOpen={onOpen} />
      )) ?? <SkeletonRows />}
    </ListTable>
  );
}

interface EntryRowProps {
  entry: AuditEntry;
  selected: boolean;
  onOpen: (id: string) => void;
}

/** On a phone the user and the address stand below the event. */
function EntryRow({ entry, selected, onOpen }: EntryRowProps) {
  const { id, occurredAt, actorEmail, ip, userAgent } = entry;
  return (
    <Row selected={selected} onClick={() => onOpen(id)}>
      <Cell mono>
        <Link
          to="/audit/{-$entryId}"
          params={{ entryId: id }}
          search={(search) => search}
          {...rowLink(() => onOpen(id))}
          preload={false}
          className="inline-flex items-center rounded pointer-coarse:min-h-11"
        >
          <Moment at={occurredAt} />
        </Link>
      </Cell>
      <Cell>
        <EventBadge event={entry} />
        <p className="mt-1 text-xs wrap-anywhere text-fg-2 md:hidden">
          {actorEmail && <>{actorEmail} · </>}
          <span className="font-mono text-fg-3">{ip}</span>
        </p>
      </Cell>
      <Cell wideOnly>
        <span className="line-clamp-1 max-w-64 break-all">
          {actorEmail || <span className="text-fg-3">—</span>}
        </span>
      </Cell>
      <Cell wideOnly mono dim>
        {ip}
      </Cell>
      <Cell wideOnly dim>
        <span className="line-clamp-1 max-w-56 break-all" title={userAgent}>
          {userAgent ? agentName(userAgent) : <span className="text-fg-3">—</span>}
        </span>
      </Cell>
    </Row>
  );
}

function SkeletonRows() {
  return Array.from({ length: 10 }, (_, row) => (
    <Row key={row}>
      {[false, false, true, true, true].map((wideOnly, cell) => (
        <Cell key={cell} wideOnly={wideOnly}>
          <Skeleton />
        </Cell>
      ))}
    </Row>
  ));
}
