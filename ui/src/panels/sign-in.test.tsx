import { Code } from '@connectrpc/connect';
import { screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { fault, renderApp, someone } from '../test/app';

async function signIn(person: ReturnType<typeof renderApp>['person'], email = 'ada@example.com') {
  await person.type(await screen.findByLabelText('Email'), email);
  await person.type(screen.getByLabelText('Password'), 'secret{Enter}');
}

test('leads to where one was going', async () => {
  const { person, history } = renderApp({
    path: '/chat/abc?x=1',
    auth: { login: () => ({ accessToken: 'token', user: someone('user') }) },
  });
  await signIn(person);
  await waitFor(() => expect(history.location.href).toBe('/chat/abc?x=1'));
});

test.each(['https://evil.example', '//evil.example', '/\\evil.example', '/\t/evil.example', '//['])(
  'does not lead to %s',
  async (to) => {
    const { history } = renderApp({ path: `/sign-in?to=${encodeURIComponent(to)}`, as: someone() });
    expect(await screen.findByText(/nothing is open to you/)).toBeVisible();
    expect(history.location.pathname).toBe('/');
  },
);

test('a refusal stands beside the form and keeps what was typed', async () => {
  const { person } = renderApp({
    auth: {
      login: () => {
        throw fault(Code.Unauthenticated, 'INVALID_CREDENTIALS', 'email or password is wrong');
      },
    },
  });
  await signIn(person);
  expect(await screen.findByRole('alert')).toHaveTextContent('Email or password is wrong.');
  expect(screen.getByLabelText('Email')).toHaveValue('ada@example.com');
});

test('a violation stands at its field', async () => {
  const { person } = renderApp({
    auth: {
      login: () => {
        throw fault(Code.InvalidArgument, 'INVALID_ARGUMENT', 'email: too long', {
          fields: { email: 'too long' },
        });
      },
    },
  });
  await signIn(person);
  expect(await screen.findByText('Too long.')).toBeVisible();
  expect(screen.getByLabelText('Email')).toBeInvalid();
  expect(screen.getByLabelText('Email')).toHaveAccessibleDescription('Too long.');
  expect(screen.queryByRole('alert')).toBeNull();
});

test('a throttled sign-in says how long to wait, and then lets one try again', async () => {
  const { person } = renderApp({
    auth: {
      login: () => {
        throw fault(Code.ResourceExhausted, 'LOGIN_THROTTLED', 'too many failed sign-ins', { retryAfter: 2 });
      },
    },
  });
  await signIn(person);
  expect(await screen.findByRole('button', { name: 'Wait 2 s' })).toBeDisabled();
  await waitFor(() => expect(screen.getByRole('button', { name: 'Sign in' })).toBeEnabled(), {
    timeout: 3000,
  });
});
