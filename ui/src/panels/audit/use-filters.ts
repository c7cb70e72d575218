import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { useQuery, useTransport } from '@connectrpc/connect-query';
import { skipToken, useMutation } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { BadRequestSchema } from '../../gen/google/rpc/error_details_pb';
import { UserService } from '../../gen/paddock/v1/users_pb';
import { DEFAULT_LIMIT, isId, type AuditSearch, type Outcome, type Window } from './search';

/** The filters as the form holds them: texts, empty for none; times are this time zone's. */
export interface Draft {
  limit: string;
  event: string;
  /** Email or id. */
  user: string;
  outcome: Outcome | '';
  window: Window | '';
  from: string;
  to: string;
}

/** The filters that the address says, for the form, and how it changes them. */
export function useFilters(onLoad: () => void) {
  const search = useSearch({ from: '/shell/audit/{-$entryId}' });
  const navigate = useNavigate({ from: '/audit/{-$entryId}' });
  const users = createClient(UserService, useTransport());
  const { data } = useQuery(UserService.method.getUser, search.user ? { id: search.user } : skipToken, {
    staleTime: 300_000,
    retry: false,
  });
  const filters = draftOf(search, data?.user?.email ?? search.user ?? '');

  const load = useMutation({
    mutationFn: async (draft: Draft) => {
      const user = draft.user === filters.user ? search.user : await idOf(draft.user.trim());
      await navigate({ search: ({ live }) => ({ ...searchOf(draft, search), user, live }) });
      onLoad();
    },
    meta: { inPlace: true },
  });

  const idOf = async (user: string) => {
    if (user === '') return undefined;
    if (isId(user)) return user;
    const found = (await users.listUsers({ query: user, pageSize: 20 })).users;
    const meant = found.length === 1 ? found[0] : found.find(({ email }) => email === user.toLowerCase());
    if (!meant)
      throw violation('userId', found.length > 1 ? 'several are called so' : 'there is no such user');
    return meant.id;
  };
  return { filters, load };
}

function draftOf(search: AuditSearch, user: string): Draft {
  return {
    limit: String(search.limit ?? DEFAULT_LIMIT),
    event: search.event ?? '',
    user,
    outcome: search.outcome ?? '',
    window: search.window ?? '',
    from: localTime(search.from),
    to: localTime(search.to),
  };
}

/** The form holds minutes: a bound that was left alone stays as exact as it was. */
function searchOf(draft: Draft, { from, to }: AuditSearch): AuditSearch {
  const custom = draft.window === 'custom';
  const bound = (time: string, before: string | undefined) => {
    if (!custom || !time) return undefined;
    return time === localTime(before) ? before : new Date(time).toISOString();
  };
  const limit = Number(draft.limit);
  return {
    limit: limit === DEFAULT_LIMIT ? undefined : limit,
    event: draft.event.trim() || undefined,
    outcome: draft.outcome || undefined,
    window: custom ? undefined : draft.window || undefined,
    from: bound(draft.from, from),
    to: bound(draft.to, to),
  };
}

/** An ISO time as an input of type datetime-local holds it. */
function localTime(iso: string | undefined): string {
  if (!iso) return '';
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What the server would say of a field, said here. */
function violation(field: string, description: string): ConnectError {
  const value = { fieldViolations: [{ field, description }] };
  return new ConnectError(description, Code.InvalidArgument, undefined, [{ desc: BadRequestSchema, value }]);
}
