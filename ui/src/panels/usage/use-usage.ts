import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { useInfiniteQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { useEffect } from 'react';
import { UsageService } from '../../gen/paddock/v1/usage_pb';

/** How many pages are asked for, of 5,000 rows each. */
const MOST = 10;

/** All of a user's usage since a time, by model or by API key, as far as there are pages for it. */
export function useUsage(userId: string, from: Timestamp, grouping: 'model' | 'credential') {
  const query = useInfiniteQuery(
    UsageService.method.getUsage,
    { userId, from, groupBy: [grouping], pageToken: '' },
    {
      pageParamKey: 'pageToken',
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      placeholderData: keepPreviousData,
      staleTime: 0,
    },
  );
  const { data, error, hasNextPage, isFetching, fetchNextPage, isFetchNextPageError, refetch } = query;
  const pages = data?.pages.length ?? 0;
  const readsOn = hasNextPage && pages < MOST;
  useEffect(() => {
    if (pages > 0 && readsOn && !isFetching && !error) void fetchNextPage();
  }, [pages, readsOn, isFetching, error, fetchNextPage]);
  return {
    rows: data?.pages.flatMap(({ rows }) => rows),
    /** Whether there are rows that are not here, and whether they are on their way. */
    isPart: hasNextPage,
    readsOn: readsOn && !error,
    error,
    retry: () => void (isFetchNextPageError ? fetchNextPage() : refetch()),
  };
}
