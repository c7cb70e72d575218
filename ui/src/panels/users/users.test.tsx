import { create } from '@bufbuild/protobuf';
import { Code, type ConnectRouter, type ServiceImpl } from '@connectrpc/connect';
import { screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { CredentialService } from '../../gen/paddock/v1/credentials_pb';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';
import { type SetQuotaRequest, UsageService } from '../../gen/paddock/v1/usage_pb';
import {
  type ListUsersRequest,
  type SetRoleModelsRequest,
  type UpdateUserRequest,
  type User,
  UserSchema,
  UserService,
} from '../../gen/paddock/v1/users_pb';
import { fault, renderApp, someone } from '../../test/app';

const grace = create(UserSchema, {
  id: '01a20588-5d85-7abe-8000-000000000002',
  email: 'grace@example.com',
  displayName: '<b>Grace</b>',
  active: true,
  roles: ['user'],
});

function open(
  path: string,
  users: User[],
  methods: Partial<ServiceImpl<typeof UserService>> = {},
  more?: (router: ConnectRouter) => void,
) {
  return renderApp({
    path,
    as: someone('admin'),
    services: (router) => {
      const { service } = router;
      more?.(router);
      service(OllamaService, { listModels: () => ({}) });
      service(CredentialService, { listCredentials: () => ({}) });
      service(UserService, {
        listRoles: () => ({ roles: [{ name: 'admin' }, { name: 'user' }] }),
        getUser: ({ id }) => ({ user: users.find((user) => user.id === id) }),
        listUsers: ({ role }) => {
          const found = users.filter(({ roles }) => role === '' || roles.includes(role));
          return { users: found, totalSize: found.length };
        },
        ...methods,
      });
    },
  });
}

test('search and filters go into the address and to the server, and begin at the first page', async () => {
  const requests: ListUsersRequest[] = [];
  const { person, history } = open('/users?page=2&after=token', [], {
    listUsers: (request) => {
      requests.push(request);
      return { users: [grace], totalSize: 26 };
    },
  });
  expect(await screen.findByText('26–26 of 26 users')).toBeVisible();
  await person.type(screen.getByLabelText('Search users'), 'grace');
  await waitFor(() => expect(history.location.search).toBe('?q=grace'));
  await person.click(screen.getByRole('combobox', { name: 'Status' }));
  await person.click(await screen.findByRole('option', { name: 'Inactive' }));

  await waitFor(() =>
    expect(requests.at(-1)).toMatchObject({ query: 'grace', active: false, pageToken: '' }),
  );
  expect(requests[0]).toMatchObject({ pageToken: 'token' });
  expect(history.location.search).toBe('?q=grace&status=inactive');
});

test('the heads of the columns sort, by the server and in the address', async () => {
  const requests: ListUsersRequest[] = [];
  const { person, history } = open('/users?page=2&after=token', [], {
    listUsers: (request) => {
      requests.push(request);
      return { users: [grace], totalSize: 26 };
    },
  });
  const head = await screen.findByRole('columnheader', { name: 'User' });
  await person.click(within(head).getByRole('button'));
  await waitFor(() => expect(head).toHaveAttribute('aria-sort', 'ascending'));
  await person.click(within(head).getByRole('button'));
  await waitFor(() => expect(requests.at(-1)).toMatchObject({ orderBy: 'email desc', pageToken: '' }));
  expect(history.location.search).toBe('?sort=email+desc');
  await person.click(screen.getByRole('button', { name: 'Created' }));
  await waitFor(() => expect(history.location.search).toBe(''));
});

test('pages lead forward by the token of the server and back again', async () => {
  const { person, history } = open('/users', [], {
    listUsers: ({ pageToken }) => ({
      users: [grace],
      nextPageToken: pageToken ? '' : 'second',
      totalSize: 26,
    }),
  });
  await person.click(await screen.findByRole('button', { name: 'Next' }));
  await waitFor(() => expect(history.location.search).toBe('?page=2&after=second'));
  expect(await screen.findByText('26–26 of 26 users')).toBeVisible();
  await person.click(screen.getByRole('button', { name: 'Previous' }));
  await waitFor(() => expect(history.location.search).toBe(''));
});

test('more users than the server counts for a text are told as that', async () => {
  open('/users?q=com', [], { listUsers: () => ({ users: [grace], totalSize: 1001 }) });
  expect(await screen.findByText('1–1 of 1,000+ users')).toBeVisible();
});

test('a row leads to the user, and Escape back to the list', async () => {
  const { person, history } = open('/users?q=grace', [grace]);
  await person.click(await screen.findByRole('link', { name: '<b>Grace</b>' }));
  expect(history.location.href).toBe(`/users/${grace.id}?q=grace`);
  await person.keyboard('{Escape}');
  await waitFor(() => expect(history.location.href).toBe('/users?q=grace'));
});

test('saves what was changed, and nothing else', async () => {
  const requests: UpdateUserRequest[] = [];
  const { person } = open(`/users/${grace.id}`, [grace], {
    updateUser: (request) => {
      requests.push(request);
      return { user: grace };
    },
  });
  const drawer = within(await screen.findByRole('dialog'));
  await person.click(await drawer.findByRole('switch', { name: 'user' }));
  await person.click(drawer.getByRole('button', { name: 'Save settings' }));

  expect(await screen.findByText('Settings saved')).toBeInTheDocument();
  expect(requests).toHaveLength(1);
  expect(requests[0]!.roles?.values).toEqual([]);
  expect(requests[0]!.active).toBeUndefined();
  expect(requests[0]!.displayName).toBeUndefined();
});

test('sets a quota: what is empty is the default, which is shown', async () => {
  const requests: SetQuotaRequest[] = [];
  const { person } = open(`/users/${grace.id}?tab=usage`, [grace], {}, ({ service }) =>
    service(UsageService, {
      getUsage: () => ({}),
      getQuota: () => ({ quota: { day: { limit: 50_000n }, month: {}, effectiveRequestsPerMinute: 60 } }),
      setQuota: (request) => {
        requests.push(request);
        if (request.requestsPerMinute === 7)
          throw fault(Code.InvalidArgument, 'INVALID_ARGUMENT', 'invalid', {
            fields: { requests_per_minute: 'seven is unlucky' },
          });
        return {};
      },
    }),
  );
  expect(await screen.findByLabelText('Tokens a day')).toHaveAttribute('placeholder', '50,000');
  expect(screen.getByLabelText('Tokens a month')).toHaveAttribute('placeholder', 'no limit');
  await person.type(screen.getByLabelText('Tokens a month'), '0');
  await person.type(screen.getByLabelText('Requests a minute'), '7');
  await person.click(screen.getByRole('button', { name: 'Save quota' }));
  expect(await screen.findByText('Seven is unlucky.')).toBeVisible();
  await person.clear(screen.getByLabelText('Requests a minute'));
  await person.click(screen.getByRole('button', { name: 'Save quota' }));
  expect(await screen.findByText('Quota of grace@example.com saved')).toBeInTheDocument();
  expect(requests.at(-1)).toMatchObject({ userId: grace.id, tokensPerMonth: 0n });
  expect(requests.at(-1)!.tokensPerDay).toBeUndefined();
  expect(requests.at(-1)!.requestsPerMinute).toBeUndefined();
});

test('a quota above 2^53 is shown and saved exactly', async () => {
  const requests: SetQuotaRequest[] = [];
  const { person } = open(`/users/${grace.id}?tab=usage`, [grace], {}, ({ service }) =>
    service(UsageService, {
      getUsage: () => ({}),
      getQuota: () => ({ quota: { tokensPerDay: 9_007_199_254_740_993n, day: {}, month: {} } }),
      setQuota: (request) => {
        requests.push(request);
        return {};
      },
    }),
  );
  expect(await screen.findByLabelText('Tokens a day')).toHaveValue('9007199254740993');
  await person.type(screen.getByLabelText('Tokens a month'), '9223372036854775807');
  await person.click(screen.getByRole('button', { name: 'Save quota' }));
  expect(await screen.findByText('Quota of grace@example.com saved')).toBeInTheDocument();
  expect(requests).toMatchObject([
    { tokensPerDay: 9_007_199_254_740_993n, tokensPerMonth: 9_223_372_036_854_775_807n },
  ]);
});

test('the roles are a click away, and say which models they may use', async () => {
  const requests: SetRoleModelsRequest[] = [];
  const { person, history } = open('/users', [grace], {
    listRoles: () => ({ roles: [{ name: 'admin' }, { name: 'user', models: { names: ['old:latest'] } }] }),
    setRoleModels: (request) => {
      requests.push(request);
      if (request.models?.names.includes('a b'))
        throw fault(Code.InvalidArgument, 'INVALID_ARGUMENT', 'invalid', {
          fields: { 'models.names[1]': 'is no model name' },
        });
      return {};
    },
  });
  await person.click(await screen.findByRole('link', { name: 'Roles' }));
  expect(history.location.search).toBe('?roles=true');
  const list = within(await screen.findByRole('list', { name: 'Models that user may use' }));
  expect(list.getByText('old:latest')).toBeVisible();
  await person.click(screen.getByRole('button', { name: 'Models of the role user' }));
  const dialog = within(await screen.findByRole('dialog', { name: 'Models of the role user' }));
  await person.type(dialog.getByLabelText('Another one'), 'a b');
  await person.click(dialog.getByRole('button', { name: 'Add' }));
  await person.click(dialog.getByRole('button', { name: 'Save models' }));
  expect(await dialog.findByText('a b: Is no model name.')).toBeVisible();
  await person.click(dialog.getByRole('checkbox', { name: 'a b' }));
  await person.click(dialog.getByRole('button', { name: 'Save models' }));
  expect(await screen.findByText('Models of the role user saved')).toBeInTheDocument();
  expect(requests.at(-1)).toMatchObject({ name: 'user', models: { names: ['old:latest'] } });
});

test('does not leave with settings that are not saved, unless told to', async () => {
  const { person, history } = open(`/users/${grace.id}`, [grace]);
  await person.click(await screen.findByRole('switch', { name: 'Active' }));
  await person.keyboard('{Escape}');
  const question = within(await screen.findByRole('alertdialog'));
  expect(history.location.pathname).toBe(`/users/${grace.id}`);
  await person.click(question.getByRole('button', { name: 'Discard' }));
  await waitFor(() => expect(history.location.pathname).toBe('/users'));
});

test('the last active admin is locked, and the page says why', async () => {
  const admin = someone('admin');
  open(`/users/${admin.id}`, [admin, grace]);
  const active = await screen.findByRole('switch', { name: 'Active' });
  await waitFor(() => expect(active).toHaveAttribute('aria-disabled', 'true'));
  expect(active).toHaveAccessibleDescription(/last active admin/);
  expect(screen.getByRole('switch', { name: 'admin' })).toHaveAttribute('aria-disabled', 'true');
  expect(screen.getByRole('switch', { name: 'user' })).not.toHaveAttribute('aria-disabled', 'true');
  expect(screen.getByRole('button', { name: 'Delete user' })).toBeDisabled();
});

test('deletes only when the email is typed', async () => {
  const users = [grace];
  const { person, history } = open(`/users/${grace.id}`, users, {
    deleteUser: () => {
      users.pop();
      return {};
    },
  });
  await person.click(await screen.findByRole('button', { name: 'Delete user' }));
  const question = within(await screen.findByRole('alertdialog'));
  expect(question.getByRole('button', { name: 'Delete' })).toBeDisabled();
  await person.type(question.getByRole('textbox'), grace.email);
  await person.click(question.getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText('Deleted grace@example.com')).toBeInTheDocument();
  await waitFor(() => expect(history.location.pathname).toBe('/users'));
});

test('j leads to the first user, and from there to the next', async () => {
  const { person } = open('/users', [grace, someone('admin')]);
  const [first, second] = await screen.findAllByRole('link', { name: /Grace|ada@/ });
  await person.keyboard('j');
  expect(first).toHaveFocus();
  await person.keyboard('j');
  expect(second).toHaveFocus();
});
