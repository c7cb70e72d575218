import { useQuery } from '@connectrpc/connect-query';
import { useRouteContext } from '@tanstack/react-router';
import { useState } from 'react';
import { useChange } from '../../api/change';
import { type User, UserService } from '../../gen/paddock/v1/users_pb';
import { Button } from '../../ui/button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { Field, Input } from '../../ui/field';
import { Form } from '../../ui/form';
import { ErrorNotice } from '../../ui/notice';
import { Skeleton } from '../../ui/skeleton';
import { Switch } from '../../ui/switch';
import { toast } from '../../ui/toast';
import { changesOf, type Draft, withRole } from './draft';

interface SettingsProps {
  user: User;
  draft: Draft;
  onDraft: (draft: Draft) => void;
  lastAdmin: boolean;
}

/** Name, whether they are active, and their roles. */
export function Settings({ user, draft, onDraft, lastAdmin }: SettingsProps) {
  const { session, user: me } = useRouteContext({ from: '/shell' });
  const [asking, setAsking] = useState(false);
  const roles = useQuery(UserService.method.listRoles, {}, { staleTime: Infinity });
  const update = useChange(UserService.method.updateUser, {
    meta: { inPlace: true },
    onSuccess: () => {
      onDraft({});
      toast.done('Settings saved');
      if (user.id === me.id) session.refresh(session.accessToken).catch(() => {});
    },
    onSettled: () => setAsking(false),
  });

  const now = { ...user, ...draft };
  const save = () => {
    const { roles: given, ...rest } = changesOf(user, draft);
    const names = given?.map((role) => ({ kind: { case: 'stringValue' as const, value: role } }));
    update.mutate({ id: user.id, ...rest, roles: names && { values: names } });
  };
  const givesUpAdmin = user.id === me.id && !(now.active && now.roles.includes('admin'));
  const lock = 'Locked: this is the last active admin. Make another user an admin first.';

  return (
    <Form error={update.error} onSubmit={() => (givesUpAdmin ? setAsking(true) : save())}>
      <Field name="displayName" label="Display name">
        <Input
          value={now.displayName}
          onChange={(event) => onDraft({ ...draft, displayName: event.target.value })}
          placeholder="None"
          maxLength={200}
          autoComplete="off"
        />
      </Field>
      <div className="-my-1 divide-y divide-line">
        <Switch
          label="Active"
          hint={lastAdmin ? lock : 'Inactive users cannot sign in, and their API keys do not work.'}
          checked={now.active}
          onChange={(active) => onDraft({ ...draft, active })}
          disabled={lastAdmin}
        />
        {roles.data?.roles.map(({ name, description }) => (
          <Switch
            key={name}
            label={name}
            hint={lastAdmin && name === 'admin' ? lock : description}
            checked={now.roles.includes(name)}
            onChange={(given) => onDraft({ ...draft, roles: withRole(now.roles, name, given) })}
            disabled={lastAdmin && name === 'admin'}
          />
        ))}
        {roles.isPending && <Skeleton lines={4} />}
      </div>
      {roles.error && <ErrorNotice error={roles.error} onRetry={() => void roles.refetch()} />}
      <Button type="submit" look="primary" wide busy={update.isPending}>
        Save settings
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title="Give up your own admin rights?"
        action="Save settings"
        busy={update.isPending}
        onConfirm={save}
      >
        This is you, {user.email}. You lose this panel at once, and only another admin can give it back.
      </ConfirmDialog>
    </Form>
  );
}
