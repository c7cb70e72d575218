import { useBlocker, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import type { User } from '../../gen/paddock/v1/users_pb';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { CopyButton } from '../../ui/copy-button';
import { Tabs } from '../../ui/tabs';
import { Time } from '../../ui/time';
import { Keys } from '../keys/keys';
import { Sessions } from '../sessions/sessions';
import { Activity } from './activity';
import { DeleteUser } from './delete-user';
import { type Draft, isChanged } from './draft';
import { useIsLastAdmin } from './last-admin';
import type { UsersSearch } from './search';
import { Section } from './section';
import { SetPassword } from './set-password';
import { Settings } from './settings';
import { UserUsage } from './user-usage';

/** Everything about a user, and everything that can be done to them. */
export function UserDetails({ user, onDeleted }: { user: User; onDeleted: () => void }) {
  const { tab = 'access' } = useSearch({ from: '/shell/users/{-$userId}' });
  const { userId } = useParams({ from: '/shell/users/{-$userId}' });
  const navigate = useNavigate();
  const [draft, setDraft] = useState<Draft>({});
  const lastAdmin = useIsLastAdmin(user);
  const unsaved = isChanged(user, draft);
  const leaving = useBlocker({
    shouldBlockFn: ({ current, next }) => unsaved && current.pathname !== next.pathname,
    enableBeforeUnload: unsaved,
    withResolver: true,
  });

  const goTo = (chosen: 'access' | NonNullable<UsersSearch['tab']>) =>
    void navigate({
      to: '/users/{-$userId}',
      params: { userId },
      search: (search) => ({ ...search, tab: chosen === 'access' ? undefined : chosen }),
      replace: true,
    });
  const access = (
    <>
      <Settings user={user} draft={draft} onDraft={setDraft} lastAdmin={lastAdmin} />
      <Section title="Password">
        <SetPassword user={user} />
      </Section>
      <Section title="Credentials">
        <Keys userId={user.id} />
      </Section>
      <Section title="Delete">
        <DeleteUser user={user} lastAdmin={lastAdmin} onDeleted={onDeleted} />
      </Section>
    </>
  );
  return (
    <div className="flex flex-col gap-4">
      <Facts user={user} />
      <Tabs
        value={tab}
        onChange={goTo}
        tabs={[
          { value: 'access', label: 'Access', content: access },
          { value: 'usage', label: 'Usage', content: <UserUsage user={user} /> },
          { value: 'sessions', label: 'Sessions', content: <Sessions userId={user.id} /> },
          { value: 'activity', label: 'Activity', content: <Activity userId={user.id} /> },
        ]}
      />
      <ConfirmDialog
        open={leaving.status === 'blocked'}
        onClose={() => leaving.reset?.()}
        title="Leave without saving?"
        action="Discard"
        onConfirm={() => leaving.proceed?.()}
      >
        The settings of {user.email} are changed and not saved.
      </ConfirmDialog>
    </div>
  );
}

function Facts({ user: { id, externalId, createdAt, lastLoginAt } }: { user: User }) {
  return (
    <div className="flex flex-col gap-0.5 text-xs text-fg-2">
      <div className="flex items-center gap-1">
        <span className="truncate font-mono">{id}</span>
        <CopyButton text={id} label="Copy id" />
      </div>
      {externalId && (
        <p className="wrap-anywhere">
          External id <span className="font-mono">{externalId}</span>
        </p>
      )}
      <p>
        Created <Time at={createdAt} /> ·{' '}
        {lastLoginAt ? (
          <>
            last signed in <Time at={lastLoginAt} />
          </>
        ) : (
          'never signed in'
        )}
      </p>
    </div>
  );
}
