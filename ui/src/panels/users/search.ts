/** What the address of the Admin panel holds: which users, which page of them, and which part of the open one. */
export interface UsersSearch {
  q?: string;
  role?: 'admin' | 'user';
  status?: 'active' | 'inactive';
  /** What they are sorted by, as the server knows it; absent: newest first. */
  sort?: 'created_at' | 'email' | 'email desc';
  /** The page's number, from 2 on, and the token that leads to it. */
  page?: number;
  after?: string;
  tab?: 'usage' | 'sessions' | 'activity';
  /** What the roles allow is open. */
  roles?: true;
}

/** Reads it; what makes no sense is left out. */
export function usersSearch({
  q,
  role,
  status,
  sort,
  page,
  after,
  tab,
  roles,
}: Record<string, unknown>): UsersSearch {
  return {
    q: typeof q === 'string' || typeof q === 'number' ? String(q).slice(0, 200) || undefined : undefined,
    role: oneOf(role, 'admin', 'user'),
    status: oneOf(status, 'active', 'inactive'),
    sort: oneOf(sort, 'created_at', 'email', 'email desc'),
    tab: oneOf(tab, 'usage', 'sessions', 'activity'),
    roles: roles === true || undefined,
    ...(typeof page === 'number' &&
      page > 1 &&
      typeof after === 'string' && { page: Math.floor(page), after }),
  };
}

export const PAGE_SIZE = 25;

/** The page of users that it asks the server for. */
export function usersAsked({ q, role, status, sort, after }: UsersSearch) {
  const active = status && status === 'active';
  return { query: q, role, active, orderBy: sort, pageToken: after, pageSize: PAGE_SIZE };
}

function oneOf<T extends string>(value: unknown, ...allowed: T[]): T | undefined {
  return allowed.find((one) => one === value);
}
