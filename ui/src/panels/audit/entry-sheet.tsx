import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { useQuery } from '@connectrpc/connect-query';
import { useState } from 'react';
import { type AuditEntry, AuditService } from '../../gen/paddock/v1/audit_pb';
import { ErrorNotice, Notice } from '../../ui/notice';
import { Sheet } from '../../ui/sheet';
import { Skeleton } from '../../ui/skeleton';
import { EntryDetails } from './entry-details';
import { EventBadge } from './events';
import { isId, MAX_LIMIT } from './search';

/** How far from the time in its id an entry is looked for, in milliseconds. */
const AROUND = 10_000;

interface EntrySheetProps {
  /** Which; absent when it is closed. */
  entryId: string | undefined;
  /** The entry, if it is among those that are shown. */
  listed: AuditEntry | undefined;
  onClose: () => void;
}

/** All that is known of an entry. */
export function EntrySheet({ entryId, listed, onClose }: EntrySheetProps) {
  // While it slides out, it still shows what it showed.
  const [shownId, setShownId] = useState(entryId);
  const [kept, setKept] = useState(listed);
  if (entryId && entryId !== shownId) setShownId(entryId);
  if (listed && listed !== kept) setKept(listed);
  const known = kept?.id === shownId ? kept : undefined;

  const { data, error, refetch } = useQuery(
    AuditService.method.listAuditEntries,
    {
      pageSize: MAX_LIMIT,
      occurredAfter: timestampFromMs(timeIn(shownId) - AROUND),
      occurredBefore: timestampFromMs(timeIn(shownId) + AROUND),
    },
    { enabled: shownId !== undefined && isId(shownId) && !known, staleTime: Infinity },
  );
  const entry = known ?? data?.entries.find(({ id }) => id === shownId);
  return (
    <Sheet
      open={entryId !== undefined}
      onClose={onClose}
      title={entry ? <EventBadge event={entry} /> : 'Audit entry'}
    >
      {entry ? (
        <EntryDetails entry={entry} />
      ) : error ? (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      ) : data || !isId(shownId ?? '') ? (
        <Notice tone="warn">There is no such entry: the address may be mistyped.</Notice>
      ) : (
        <Skeleton lines={8} />
      )}
    </Sheet>
  );
}

/** The time at which a UUIDv7 was made (RFC 9562), in milliseconds: ids of entries are, and by it they can be asked for. */
function timeIn(id = ''): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) || 0;
}
