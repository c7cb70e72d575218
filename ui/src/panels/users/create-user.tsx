import { useQuery } from '@connectrpc/connect-query';
import { useState } from 'react';
import { useChange } from '../../api/change';
import { type User, UserService } from '../../gen/paddock/v1/users_pb';
import { Button } from '../../ui/button';
import { Field, Input } from '../../ui/field';
import { Form } from '../../ui/form';
import { NewPassword } from '../../ui/new-password';
import { Card, Page } from '../../ui/page';
import { Created } from './created';
import { withRole } from './draft';
import { RoleChoice } from './role-choice';
import { useDraft } from './use-draft';

const nobody = { email: '', displayName: '', roles: [] as string[] };

export function CreateUser() {
  const [values, setValues] = useDraft('create user', nobody);
  const [password, setPassword] = useState('');
  const [created, setCreated] = useState<User>();
  const [round, setRound] = useState(0);
  const roles = useQuery(UserService.method.listRoles, {}, { staleTime: Infinity });
  const create = useChange(UserService.method.createUser, {
    meta: { inPlace: true },
    onSuccess: ({ user }) => {
      setCreated(user);
      setValues(nobody);
      setPassword('');
      setRound(round + 1);
    },
  });
  const change = (changed: Partial<typeof nobody>) => setValues({ ...values, ...changed });
  const submit = () => {
    setCreated(undefined);
    create.mutate({ ...values, password });
  };

  return (
    <Page
      title="User creation"
      lead="For a person or a service. Only the email is needed; the rest can follow."
    >
      <div className="max-w-xl">
        <Created user={created} />
        <Card>
          <Form key={round} error={create.error} onSubmit={submit}>
            <Field name="email" label="Email" hint="The name to sign in with. It cannot be changed later.">
              <Input
                type="email"
                value={values.email}
                onChange={(event) => change({ email: event.target.value })}
                placeholder="user@example.com"
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                required
                autoFocus
              />
            </Field>
            <Field name="displayName" label="Display name (optional)">
              <Input
                value={values.displayName}
                onChange={(event) => change({ displayName: event.target.value })}
                placeholder="Ada Lovelace"
                maxLength={200}
                autoComplete="off"
              />
            </Field>
            <RoleChoice
              roles={roles}
              given={values.roles}
              onChange={(role, given) => change({ roles: withRole(values.roles, role, given) })}
            />
            <NewPassword
              name="password"
              label="First password (optional)"
              value={password}
              onChange={setPassword}
              about={[values.email, values.displayName]}
              hint="Without one they cannot sign in until you set it; API keys work all the same."
              suggest
            />
            <div className="flex justify-end">
              <Button type="submit" look="primary" busy={create.isPending}>
                Create user
              </Button>
            </div>
          </Form>
        </Card>
      </div>
    </Page>
  );
}
