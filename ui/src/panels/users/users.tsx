import { useNavigate, useParams, useRouter, useSearch } from '@tanstack/react-router';
import { ShieldCheck, UserPlus } from 'lucide-react';
import { useRef } from 'react';
import { ButtonLink } from '../../ui/button';
import { ErrorNotice } from '../../ui/notice';
import { Card, Page } from '../../ui/page';
import { useShortcuts } from '../../ui/shortcuts';
import { Filters } from './filters';
import { RolesSheet } from './roles-sheet';
import type { UsersSearch } from './search';
import { usePages } from './use-pages';
import { UserDrawer } from './user-drawer';
import { UsersTable } from './users-table';

/** All users, and the one that the address names. */
export function Users() {
  const { userId } = useParams({ from: '/shell/users/{-$userId}' });
  const search = useSearch({ from: '/shell/users/{-$userId}' });
  const navigate = useNavigate();
  const router = useRouter();
  const searchInput = useRef<HTMLInputElement>(null);
  const openedHere = useRef(false);
  const pages = usePages(search);
  const { data, error, refetch, isFetching } = pages;

  const filter = (changed: Partial<UsersSearch>) =>
    void navigate({
      to: '/users/{-$userId}',
      params: { userId },
      search: { ...search, ...changed, page: undefined, after: undefined },
      replace: true,
    });
  const open = (id: string) => {
    openedHere.current = true;
    void navigate({ to: '/users/{-$userId}', params: { userId: id }, search: { ...search, tab: undefined } });
  };
  // Where one came from, if that is the list; else the list takes the drawer's place.
  const close = (ignoreBlocker = false) => {
    if (openedHere.current) return router.history.back({ ignoreBlocker });
    void navigate({
      to: '/users/{-$userId}',
      params: { userId: undefined },
      search: { ...search, tab: undefined },
      replace: true,
      ignoreBlocker,
    });
  };

  const closeRoles = () =>
    void navigate({ to: '/users/{-$userId}', params: { userId }, search: { ...search, roles: undefined } });

  useShortcuts({
    '/': () => searchInput.current?.focus(),
    r: () => void refetch(),
  });

  return (
    <Page
      title="Admin panel"
      lead="People and services that have an account."
      actions={
        <>
          <ButtonLink
            to="/users/{-$userId}"
            params={{ userId: undefined }}
            search={{ ...search, tab: undefined, roles: true }}
          >
            <ShieldCheck aria-hidden />
            Roles
          </ButtonLink>
          <ButtonLink to="/users/new" look="primary">
            <UserPlus aria-hidden />
            Create user
          </ButtonLink>
        </>
      }
    >
      <Filters
        search={search}
        onFilter={filter}
        onRefresh={() => void refetch()}
        refreshing={isFetching}
        ref={searchInput}
      />
      {error && <ErrorNotice error={error} onRetry={pages.retry} />}
      {(data ?? !error) && (
        <Card flush>
          <UsersTable
            users={data?.users}
            stale={pages.isPlaceholderData}
            selected={userId}
            sort={search.sort}
            onSort={(sort) => filter({ sort })}
            onOpen={open}
            onClear={() => filter({ q: undefined, role: undefined, status: undefined })}
            pagination={pages.pagination}
          />
        </Card>
      )}
      <UserDrawer userId={userId} listed={data?.users.find(({ id }) => id === userId)} onClose={close} />
      <RolesSheet open={search.roles === true} onClose={closeRoles} />
    </Page>
  );
}
