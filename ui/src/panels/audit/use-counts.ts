import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { skipToken, keepPreviousData } from '@tanstack/react-query';
import { useQuery } from '@connectrpc/connect-query';
import { useMemo } from 'react';
import { AuditService } from '../../gen/paddock/v1/audit_pb';
import { stretchesOf } from './buckets';
import { filtersOf, type AuditSearch } from './search';

/** The window that is looked at. */
export interface Shown {
  /** Absent: since the oldest entry. */
  from: Date | undefined;
  /** Absent until the entries have come. */
  to: Date | undefined;
}

/** How many entries the window has, stretch by stretch, by outcome. */
export function useCounts(search: AuditSearch, { from, to }: Shown) {
  const oldest = useQuery(AuditService.method.countAuditEntries, from ? skipToken : {}, {
    staleTime: Infinity,
  });
  const since = oldest.data?.since;
  const begin = from?.getTime() ?? (since && timestampDate(since).getTime());
  const end = to?.getTime();
  const stretches = useMemo(
    () => (begin !== undefined && end !== undefined && begin < end ? stretchesOf(begin, end) : undefined),
    [begin, end],
  );
  const { data, error, refetch } = useQuery(
    AuditService.method.countAuditEntries,
    stretches
      ? { ...filtersOf(search), bounds: stretches.bounds.map((bound) => timestampFromMs(bound)) }
      : skipToken,
    { placeholderData: keepPreviousData },
  );
  return {
    stretches,
    // Those of the window before may be shown meanwhile, if they fit.
    counts: data?.counts.length === stretches?.starts.length ? data?.counts : undefined,
    error: error ?? oldest.error,
    retry: () => void (oldest.error ? oldest.refetch() : refetch()),
  };
}
