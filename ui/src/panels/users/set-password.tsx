import { useState } from 'react';
import { useChange } from '../../api/change';
import { type User, UserService } from '../../gen/paddock/v1/users_pb';
import { Button } from '../../ui/button';
import { Form } from '../../ui/form';
import { NewPassword } from '../../ui/new-password';
import { toast } from '../../ui/toast';

export function SetPassword({ user }: { user: User }) {
  const [password, setPassword] = useState('');
  const [round, setRound] = useState(0);
  const set = useChange(UserService.method.setPassword, {
    meta: { inPlace: true },
    onSuccess: () => {
      setPassword('');
      setRound(round + 1);
      toast.done('Password updated');
    },
  });
  return (
    <Form error={set.error} onSubmit={() => set.mutate({ userId: user.id, password })}>
      <NewPassword
        name="password"
        label="New password"
        value={password}
        onChange={setPassword}
        about={[user.email, user.displayName]}
        round={round}
        required
        suggest
        hint="It ends all of their sessions. API keys go on working."
        action={
          <Button type="submit" busy={set.isPending}>
            Update password
          </Button>
        }
      />
    </Form>
  );
}
