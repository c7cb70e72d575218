import { useState } from 'react';
import { useChange } from '../../api/change';
import { AuthService } from '../../gen/paddock/v1/auth_pb';
import type { User } from '../../gen/paddock/v1/users_pb';
import { Button } from '../../ui/button';
import { Field, PasswordInput } from '../../ui/field';
import { Form } from '../../ui/form';
import { NewPassword } from '../../ui/new-password';
import { Card } from '../../ui/page';
import { toast } from '../../ui/toast';

export function ChangePassword({ user: { email, displayName } }: { user: User }) {
  const [currentPassword, setCurrentPassword] = useState('');
  const [newPassword, setNewPassword] = useState('');
  const [changes, setChanges] = useState(0);
  const change = useChange(AuthService.method.changePassword, {
    meta: { inPlace: true },
    onSuccess: () => {
      setCurrentPassword('');
      setNewPassword('');
      setChanges(changes + 1); // a new form, which has nothing to say of empty fields
      toast.done('Password changed. Your other sessions have ended.');
    },
  });
  return (
    <Card title="Change password">
      <Form
        key={changes}
        error={change.error}
        onSubmit={() => change.mutate({ currentPassword, newPassword })}
      >
        {/* For password managers, which want to know whose password it is. */}
        <input type="email" autoComplete="username" value={email} readOnly hidden />
        <Field name="currentPassword" label="Current password">
          <PasswordInput
            value={currentPassword}
            onChange={(event) => setCurrentPassword(event.target.value)}
            autoComplete="current-password"
            required
          />
        </Field>
        <NewPassword
          name="newPassword"
          label="New password"
          value={newPassword}
          onChange={setNewPassword}
          about={[email, displayName]}
          required
        />
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
          <Button type="submit" busy={change.isPending}>
            Change password
          </Button>
          <p className="min-w-40 flex-1 text-xs text-fg-3">
            Ends your sessions elsewhere. API keys go on working.
          </p>
        </div>
      </Form>
    </Card>
  );
}
