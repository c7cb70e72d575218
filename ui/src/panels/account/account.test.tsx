import { Code } from '@connectrpc/connect';
import { screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { CredentialService } from '../../gen/paddock/v1/credentials_pb';
import type { ChangePasswordRequest, RateLimit } from '../../gen/paddock/v1/auth_pb';
import { fault, renderApp, someone } from '../../test/app';

interface Options {
  changePassword?: (request: ChangePasswordRequest) => object;
  rateLimit?: Pick<RateLimit, 'limit' | 'remaining' | 'resetSeconds'>;
}

function open({ changePassword = () => ({}), rateLimit }: Options = {}) {
  const user = someone();
  return renderApp({
    path: '/account',
    as: user,
    auth: {
      whoAmI: () => ({ user, rateLimit }),
      listSessions: () => ({ sessions: [] }),
      changePassword,
    },
    services: ({ service }) => service(CredentialService, { listCredentials: () => ({ credentials: [] }) }),
  });
}

async function change(person: ReturnType<typeof open>['person']) {
  await person.type(await screen.findByLabelText('Current password'), 'what it was');
  await person.type(screen.getByLabelText('New password'), 'something else entirely');
  await person.click(screen.getByRole('button', { name: 'Change password' }));
}

test('a changed password empties the fields and says that other sessions end', async () => {
  const asked: ChangePasswordRequest[] = [];
  const { person } = open({
    changePassword: (request) => {
      asked.push(request);
      return {};
    },
  });
  await change(person);
  expect(await screen.findByText('Password changed. Your other sessions have ended.')).toBeVisible();
  expect(screen.getByLabelText('New password')).toHaveValue('');
  expect(screen.getByLabelText('Current password')).not.toHaveAttribute('aria-invalid');
  expect(asked).toMatchObject([{ currentPassword: 'what it was', newPassword: 'something else entirely' }]);
});

test('a wrong current password stands at its field, and what was typed stays', async () => {
  const { person } = open({
    changePassword: () => {
      throw fault(Code.PermissionDenied, 'INVALID_CREDENTIALS', 'the current password is wrong', {
        fields: { current_password: 'the current password is wrong' },
      });
    },
  });
  await change(person);
  await waitFor(() => expect(screen.getByLabelText('Current password')).toBeInvalid());
  expect(screen.getByLabelText('Current password')).toHaveAccessibleDescription(
    'The current password is wrong.',
  );
  expect(screen.getByLabelText('New password')).toHaveValue('something else entirely');
});

test('a weak new password stands at its field', async () => {
  const { person } = open({
    changePassword: () => {
      throw fault(Code.InvalidArgument, 'PASSWORD_TOO_WEAK', 'password is too weak', {
        fields: { new_password: 'it is one of the most common' },
      });
    },
  });
  await change(person);
  expect(await screen.findByText('It is one of the most common.')).toBeVisible();
  expect(screen.getByLabelText('New password')).toBeInvalid();
});

test('the limit tells what is left and when all of it is back', async () => {
  open({ rateLimit: { limit: 60, remaining: 12, resetSeconds: 48 } });
  expect(await screen.findByRole('meter', { name: 'Requests left' })).toHaveAttribute('aria-valuenow', '12');
  expect(screen.getByText(/back in 48 s/)).toBeVisible();
});

test('where there is no limit, it says so', async () => {
  open();
  expect(await screen.findByText('Your requests are not limited.')).toBeVisible();
});
