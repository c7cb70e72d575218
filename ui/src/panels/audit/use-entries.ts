import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { faultOf } from '../../api/errors';
import { AuditService } from '../../gen/paddock/v1/audit_pb';
import { countOf, timeOf } from './entry';
import { entriesAsked, startOf, type AuditSearch } from './search';

/** How often a live log asks for what is new, in milliseconds: 12 of the calls that the usual limit allows a minute. */
const LIVE = 5000;

/** The entries that the address asks for, of one page, and the ways to the pages beside it. */
export function useEntries(search: AuditSearch) {
  const navigate = useNavigate({ from: '/audit/{-$entryId}' });
  const [loadedAt, setLoadedAt] = useState(() => new Date());
  const [seen, setSeen] = useState<Record<number, string>>({});
  const { to, page = 1, after } = search;
  const start = startOf(search, loadedAt);
  const query = useQuery(AuditService.method.listAuditEntries, entriesAsked(search, start), {
    placeholderData: keepPreviousData,
    refetchInterval: ({ state: { error } }) =>
      search.live && page === 1 && Math.max(LIVE, 1000 * ((error && faultOf(error).retryAfter) ?? 0)),
  });

  const goTo = (target: number, token?: string) =>
    void navigate({
      search: (all) => ({
        ...all,
        page: token ? target : undefined,
        after: token,
        at: token ? (search.at ?? loadedAt.toISOString()) : undefined,
      }),
    });
  const older = () => {
    const token = query.data!.nextPageToken;
    setSeen({ ...seen, [page]: after ?? '', [page + 1]: token });
    goTo(page + 1, token);
  };
  const reload = () => {
    setLoadedAt(new Date());
    void query.refetch({ cancelRefetch: false });
  };
  const staleToken = query.error && 'pageToken' in faultOf(query.error).fields;

  const { entries, nextPageToken } = query.data ?? {};
  const newest = page === 1 && query.data?.entries[0];
  const now = Math.max(query.dataUpdatedAt, newest ? timeOf(newest) + 1 : 0); // the server's clock may be ahead
  const end = search.at ? new Date(search.at) : query.data && new Date(now);
  return {
    ...query,
    entries,
    seal: query.data?.seal,
    reload,
    retry: () => (staleToken ? goTo(1) : reload()),
    /** The window, of which the entries are a page. */
    shown: { from: start, to: to && end && new Date(to) < end ? new Date(to) : end },
    pagination: {
      summary: [
        countOf(entries?.length ?? 0),
        page > 1 && `page ${page}`,
        nextPageToken ? 'older ones on the next page' : 'none older',
      ]
        .filter(Boolean)
        .join(' · '),
      onPrevious: page > 1 ? () => goTo(page - 1, seen[page - 1]) : undefined,
      onNext: nextPageToken && !query.isPlaceholderData ? older : undefined,
    },
  };
}
