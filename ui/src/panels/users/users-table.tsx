import { Link } from '@tanstack/react-router';
import { SearchX } from 'lucide-react';
import type { ComponentProps } from 'react';
import type { User } from '../../gen/paddock/v1/users_pb';
import { Avatar } from '../../ui/avatar';
import { Badge, Status } from '../../ui/badge';
import { Button } from '../../ui/button';
import { EmptyState } from '../../ui/empty-state';
import { Skeleton } from '../../ui/skeleton';
import { Cell, Head, ListTable, Row, rowLink } from '../../ui/table';
import { Time } from '../../ui/time';
import type { UsersSearch } from './search';

interface UsersTableProps {
  /** Absent while they are loaded. */
  users: User[] | undefined;
  /** They are those of the page before. */
  stale: boolean;
  selected: string | undefined;
  sort: UsersSearch['sort'];
  onSort: (sort: UsersSearch['sort']) => void;
  onOpen: (id: string) => void;
  onClear: () => void;
  pagination: ComponentProps<typeof ListTable>['pagination'];
}

export function UsersTable({
  users,
  stale,
  selected,
  sort,
  onSort,
  onOpen,
  onClear,
  pagination,
}: UsersTableProps) {
  if (users?.length === 0) {
    return (
      <EmptyState
        icon={<SearchX />}
        title="No user is like that"
        action={<Button onClick={onClear}>Clear the filters</Button>}
      >
        The search looks for a part of the email, the display name or the external id.
      </EmptyState>
    );
  }
  const head = (
    <>
      <Head
        sort={sort === 'email' ? 'ascending' : sort === 'email desc' ? 'descending' : 'none'}
        onSort={() => onSort(sort === 'email' ? 'email desc' : 'email')}
      >
        User
      </Head>
      <Head wideOnly>Status</Head>
      <Head wideOnly>Roles</Head>
      <Head wideOnly>
        <span className="whitespace-nowrap">Last sign-in</span>
      </Head>
      <Head
        wideOnly
        sort={!sort ? 'descending' : sort === 'created_at' ? 'ascending' : 'none'}
        onSort={() => onSort(sort ? undefined : 'created_at')}
      >
        Created
      </Head>
    </>
  );
  return (
    <ListTable label="Users" head={head} loading={!users} stale={stale} pagination={pagination}>
      {users?.map((user) => (
        <UserRow key={user.id} user={user} selected={user.id === selected} onOpen={onOpen} />
      )) ?? <SkeletonRows />}
    </ListTable>
  );
}

interface UserRowProps {
  user: User;
  selected: boolean;
  onOpen: (id: string) => void;
}

/** On a phone the state and the roles stand in the first cell, which then has two lines. */
function UserRow({ user, selected, onOpen }: UserRowProps) {
  const { id, email, displayName, active, roles, lastLoginAt, createdAt } = user;
  const status = <Status tone={active ? 'ok' : 'neutral'}>{active ? 'Active' : 'Inactive'}</Status>;
  return (
    <Row selected={selected} onClick={() => onOpen(id)}>
      <Cell>
        <div className="flex min-h-9 items-center gap-3 pointer-coarse:min-h-11">
          <Avatar name={displayName || email} />
          <div className="min-w-0 flex-1">
            <Link
              to="/users/{-$userId}"
              params={{ userId: id }}
              search={(search) => search}
              {...rowLink(() => onOpen(id))}
              className="line-clamp-2 rounded font-medium wrap-anywhere"
            >
              {displayName || email}
            </Link>
            {displayName && <p className="text-xs wrap-anywhere text-fg-2">{email}</p>}
          </div>
          <div className="flex shrink-0 flex-col items-end gap-1 text-xs md:hidden">
            {status}
            <Roles roles={roles} />
          </div>
        </div>
      </Cell>
      <Cell wideOnly>{status}</Cell>
      <Cell wideOnly>
        <Roles roles={roles} />
      </Cell>
      <Cell wideOnly dim>
        <span className="whitespace-nowrap">
          <Time at={lastLoginAt} absent="never" />
        </span>
      </Cell>
      <Cell wideOnly dim>
        <span className="whitespace-nowrap">
          <Time at={createdAt} />
        </span>
      </Cell>
    </Row>
  );
}

function Roles({ roles }: { roles: string[] }) {
  if (roles.length === 0) return <span className="text-fg-3">none</span>;
  return (
    <span className="inline-flex gap-1">
      {roles.map((role) => (
        <Badge key={role} tone={role === 'admin' ? 'accent' : 'neutral'}>
          {role}
        </Badge>
      ))}
    </span>
  );
}

function SkeletonRows() {
  return Array.from({ length: 8 }, (_, row) => (
    <Row key={row}>
      <Cell>
        <div className="flex min-h-9 w-56 items-center pointer-coarse:min-h-11">
          <Skeleton lines={2} />
        </div>
      </Cell>
      {[0, 1, 2, 3].map((cell) => (
        <Cell key={cell} wideOnly>
          <Skeleton />
        </Cell>
      ))}
    </Row>
  ));
}
