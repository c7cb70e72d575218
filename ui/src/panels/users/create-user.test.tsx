import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { act, screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { type CreateUserRequest, UserSchema, UserService } from '../../gen/paddock/v1/users_pb';
import { fault, renderApp, someone } from '../../test/app';

const id = '01a20588-5d85-7abe-8000-000000000002';
const roles = [
  { name: 'admin', description: 'Everything.' },
  { name: 'user', description: 'Chat and embeddings.' },
];

function open(createUser: (request: CreateUserRequest) => void) {
  return renderApp({
    path: '/users/new',
    as: someone('admin'),
    auth: {
      logout: () => ({}),
      login: () => ({ accessToken: 'token', user: someone('admin') }),
    },
    services: ({ service }) =>
      service(UserService, {
        listRoles: () => ({ roles }),
        createUser: (request) => {
          createUser(request);
          return { user: create(UserSchema, { id, email: request.email.toLowerCase(), active: true }) };
        },
      }),
  });
}

test('says whom it created and leads on to them', async () => {
  const requests: CreateUserRequest[] = [];
  const { person } = open((request) => requests.push(request));
  await person.type(await screen.findByLabelText('Email'), 'Grace@example.com');
  await person.type(screen.getByLabelText('Display name (optional)'), 'Grace');
  await person.click(await screen.findByRole('checkbox', { name: 'user' }));
  await person.click(screen.getByRole('button', { name: 'Create user' }));

  expect(await screen.findByText('Created grace@example.com')).toBeVisible();
  expect(requests).toMatchObject([{ email: 'Grace@example.com', displayName: 'Grace', roles: ['user'] }]);
  expect(screen.getByRole('link', { name: 'Roles, password and API keys' })).toHaveAttribute(
    'href',
    `/users/${id}`,
  );
  expect(screen.getByLabelText('Email')).toHaveValue('');
  expect(screen.getByLabelText('Email')).toHaveFocus();
  expect(screen.getByLabelText('Email')).not.toHaveAttribute('aria-invalid', 'true');
});

test('a taken email is an error at the field, and what was typed stays', async () => {
  const { person } = open(() => {
    const fields = { email: 'another user has this email' };
    throw fault(Code.AlreadyExists, 'EMAIL_TAKEN', 'another user has this email', { fields });
  });
  await person.type(await screen.findByLabelText('Email'), 'ada@example.com');
  await person.type(screen.getByLabelText('Display name (optional)'), 'Ada{Enter}');

  const email = screen.getByLabelText('Email');
  await waitFor(() => expect(email).toHaveAccessibleDescription(/Another user has this email\./));
  expect(email).toHaveValue('ada@example.com');
  expect(screen.getByLabelText('Display name (optional)')).toHaveValue('Ada');
});

test('what was typed outlives the session, but for the password, and is kept nowhere', async () => {
  const { person, session } = open(() => {});
  await person.type(await screen.findByLabelText('Email'), 'grace@example.com');
  await person.click(await screen.findByRole('checkbox', { name: 'user' }));
  await person.type(screen.getByLabelText('First password (optional)'), 'correct horse');
  await act(() => session.signOut());
  await person.type(await screen.findByLabelText('Password'), 'secret');
  expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('grace');
  await person.type(screen.getByLabelText('Email'), 'ada@example.com{Enter}');
  expect(await screen.findByLabelText('First password (optional)')).toHaveValue('');
  expect(screen.getByLabelText('Email')).toHaveValue('grace@example.com');
  expect(await screen.findByRole('checkbox', { name: 'user' })).toBeChecked();
});
