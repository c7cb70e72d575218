import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { faultOf } from '../../api/errors';
import { UserService } from '../../gen/paddock/v1/users_pb';
import { PAGE_SIZE, usersAsked, type UsersSearch } from './search';

/** How many users that match a text the server counts; see ListUsersResponse. */
const EXACT = 1000;

/**
 * The page of users that the address asks for, and the ways to those beside it. The server's tokens lead forward only:
 * back leads to a page that was seen here, and from a page that was opened by its address to the first.
 */
export function usePages(search: UsersSearch) {
  const { userId } = useParams({ from: '/shell/users/{-$userId}' });
  const navigate = useNavigate();
  const [seen, setSeen] = useState<Record<string, string>>({});
  const { q = '', role = '', status, sort = '', page = 1, after = '' } = search;
  const query = useQuery(UserService.method.listUsers, usersAsked(search), {
    placeholderData: keepPreviousData,
  });

  const goTo = (target: number, token = '') =>
    void navigate({
      to: '/users/{-$userId}',
      params: { userId },
      search: { ...search, page: token ? target : undefined, after: token || undefined },
    });
  const place = (of: number) => JSON.stringify([q, role, status, sort, of]);
  const next = () => {
    const token = query.data!.nextPageToken;
    setSeen({ ...seen, [place(page)]: after, [place(page + 1)]: token });
    goTo(page + 1, token);
  };
  const staleToken = query.error && 'pageToken' in faultOf(query.error).fields;

  const { users = [], totalSize = 0, nextPageToken } = query.data ?? {};
  const first = (page - 1) * PAGE_SIZE + 1;
  return {
    ...query,
    retry: () => (staleToken ? goTo(1) : void query.refetch()),
    pagination: {
      summary: `${first.toLocaleString()}–${(first + users.length - 1).toLocaleString()} of ${q && totalSize > EXACT ? `${EXACT.toLocaleString()}+` : totalSize.toLocaleString()} ${totalSize === 1 ? 'user' : 'users'}`,
      onPrevious: page > 1 ? () => goTo(page - 1, seen[place(page - 1)]) : undefined,
      onNext: nextPageToken && !query.isPlaceholderData ? next : undefined,
    },
  };
}
