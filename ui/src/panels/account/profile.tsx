import type { ReactNode } from 'react';
import type { User } from '../../gen/paddock/v1/users_pb';
import { Avatar } from '../../ui/avatar';
import { Badge } from '../../ui/badge';
import { CopyButton } from '../../ui/copy-button';
import { Card } from '../../ui/page';
import { Time } from '../../ui/time';

/** Who the user is. Only admins can change it. */
export function Profile({ user }: { user: User }) {
  const { id, email, displayName, roles, createdAt, lastLoginAt } = user;
  return (
    <Card title="Profile">
      <div className="flex items-center gap-3 pb-3">
        <Avatar name={displayName || email} size="lg" />
        <div className="min-w-0">
          <p className="font-semibold wrap-anywhere">{displayName || email}</p>
          {displayName && <p className="text-fg-2 wrap-anywhere">{email}</p>}
        </div>
      </div>
      <dl className="divide-y divide-line border-y border-line">
        <Fact name="Roles">
          {roles.length === 0 && <span className="text-fg-2">None yet: ask an admin</span>}
          {roles.map((role) => (
            <Badge key={role} tone={role === 'admin' ? 'accent' : 'neutral'}>
              {role}
            </Badge>
          ))}
        </Fact>
        <Fact name="Created">
          <Time at={createdAt} />
        </Fact>
        <Fact name="Last sign-in">
          <Time at={lastLoginAt} absent="never" />
        </Fact>
        <Fact name="User ID">
          <span className="truncate font-mono text-xs">{id}</span>
          <CopyButton text={id} label="Copy user ID" />
        </Fact>
      </dl>
      <p className="pt-3 text-xs text-fg-3">Name, email and roles are set by an admin.</p>
    </Card>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-h-10 items-center justify-between gap-4 py-1">
      <dt className="shrink-0 text-fg-2">{name}</dt>
      <dd className="flex min-w-0 items-center gap-1.5">{children}</dd>
    </div>
  );
}
