import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { act, screen, waitFor, within } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import type { ChangePasswordRequest, RateLimit } from '../../gen/paddock/v1/auth_pb';
import { type CredentialSchema, CredentialService } from '../../gen/paddock/v1/credentials_pb';
import { type QuotaPeriodSchema, type UsageRowSchema, UsageService } from '../../gen/paddock/v1/usage_pb';
import { fault, renderApp, someone } from '../../test/app';

interface Options {
  changePassword?: (request: ChangePasswordRequest) => object;
  rateLimit?: Pick<RateLimit, 'limit' | 'remaining' | 'resetSeconds'>;
  quota?: Record<'day' | 'month', MessageInitShape<typeof QuotaPeriodSchema>>;
  /** The quota as WhoAmI tells it, which it does where there is one. */
  told?: Record<'day' | 'month', MessageInitShape<typeof QuotaPeriodSchema>>;
  onGetQuota?: () => void;
  /** By what they are grouped by. */
  rows?: Record<string, MessageInitShape<typeof UsageRowSchema>[]>;
  /** Rows a page of usage. */
  pageSize?: number;
  credentials?: MessageInitShape<typeof CredentialSchema>[];
}

function open({
  changePassword = () => ({}),
  rateLimit,
  quota = { day: {}, month: {} },
  told,
  onGetQuota = () => {},
  rows = {},
  pageSize = 5000,
  credentials = [{ id: 'key 1', label: 'ci-token', prefix: 'pdk_abc' }],
}: Options = {}) {
  const user = someone();
  return renderApp({
    path: '/account',
    as: user,
    auth: {
      whoAmI: () => ({ user, rateLimit, quota: told }),
      listSessions: () => ({ sessions: [] }),
      changePassword,
    },
    services: ({ service }) => {
      service(CredentialService, { listCredentials: () => ({ credentials }) });
      service(UsageService, {
        getQuota: () => {
          onGetQuota();
          return { quota };
        },
        getUsage: ({ groupBy, pageToken }) => {
          const all = rows[groupBy[0]!] ?? [];
          const at = Number(pageToken);
          const next = at + pageSize < all.length ? String(at + pageSize) : '';
          return { rows: all.slice(at, at + pageSize), nextPageToken: next };
        },
      });
    },
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

test('the quota tells what is used, what running calls hold, and when it resets', async () => {
  const resetsAt = timestampFromDate(new Date(Date.now() + 5.5 * 3_600_000));
  open({ quota: { day: { limit: 20_000n, used: 16_800n, reserved: 900n, resetsAt }, month: { used: 42n } } });
  const meter = await screen.findByRole('meter', { name: 'Tokens today' });
  expect(meter).toHaveAttribute('aria-valuetext', '16,800 of 20,000 used');
  expect(screen.getByText('900 held by running calls. Resets in 5 hours.')).toBeVisible();
  expect(screen.queryByRole('meter', { name: 'Tokens this month' })).toBeNull();
  expect(screen.getByText('used, no limit')).toBeVisible();
});

test('looking at the limits costs at most one request', async () => {
  vi.useFakeTimers({
    shouldAdvanceTime: true,
    toFake: ['setInterval', 'setTimeout', 'clearInterval', 'clearTimeout'],
  });
  try {
    let asked = 0;
    open({ quota: { day: { used: 7n }, month: {} }, onGetQuota: () => asked++ });
    expect(await screen.findByText('7')).toBeVisible();
    await act(() => vi.advanceTimersByTimeAsync(30_000));
    expect(asked).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});

test('where there is a quota, who one is tells of it', async () => {
  let asked = 0;
  open({ told: { day: { limit: 100n, used: 25n }, month: {} }, onGetQuota: () => asked++ });
  const meter = await screen.findByRole('meter', { name: 'Tokens today' });
  expect(meter).toHaveAttribute('aria-valuetext', '25 of 100 used');
  expect(asked).toBe(0);
});

test('a quota that is used up says that calls are refused', async () => {
  open({ quota: { day: { limit: 100n, used: 104n }, month: {} } });
  expect(await screen.findByText(/Used up: calls are refused/)).toBeVisible();
});

test('usage shows by day, by model, and by key with its label', async () => {
  const day = new Date().toISOString().slice(0, 10);
  const cost = { requests: 3n, promptTokens: 1000n, completionTokens: 234n };
  const { person } = open({
    rows: {
      day: [{ day, ...cost }],
      model: [{ model: 'llama3.2:latest', ...cost, estimated: true }],
      credential: [{ credentialId: 'key 1', ...cost, requests: 2n }, { requests: 1n }],
    },
  });
  expect(await screen.findByText('1,234 tokens in 3 requests')).toBeVisible();
  const models = await screen.findByRole('table', { name: 'Usage by model' });
  expect(within(models).getByRole('row', { name: 'llama3.2:latest 3 ≈ 1,234' })).toBeVisible();
  await person.click(screen.getByRole('button', { name: 'By API key' }));
  const keys = await screen.findByRole('table', { name: 'Usage by API key' });
  expect(await within(keys).findByRole('row', { name: 'ci-token pdk_abc… 2 1,234' })).toBeVisible();
  expect(within(keys).getByRole('row', { name: 'Signed in, without a key 1 0' })).toBeVisible();
});

/** So many models, each costlier than the one before. */
function modelRows(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    model: `m${i}`,
    requests: 1n,
    promptTokens: BigInt(i + 1),
  }));
}

const usedToday = [{ day: new Date().toISOString().slice(0, 10), requests: 1n, promptTokens: 1n }];

test('usage of several pages is ranked as a whole', async () => {
  const { person } = open({ rows: { day: usedToday, model: modelRows(125) }, pageSize: 50 });
  const models = await screen.findByRole('table', { name: 'Usage by model' });
  expect(await within(models).findByRole('row', { name: 'm124 1 125' })).toBeVisible();
  await person.click(screen.getByRole('button', { name: '100 more of 117' }));
  await person.click(screen.getByRole('button', { name: '17 more' }));
  expect(within(models).getByText('m0')).toBeVisible();
});

test('where there is more usage than is read, it says that this is a part', async () => {
  open({ rows: { day: usedToday, model: modelRows(25) }, pageSize: 2 });
  expect(
    await screen.findByText('These are the costliest of the first 20 rows. There are more.'),
  ).toBeVisible();
});

test('a model that never answered is not said to be estimated', async () => {
  const day = new Date().toISOString().slice(0, 10);
  open({
    rows: {
      day: [{ day, requests: 2n, estimated: true }],
      model: [{ model: 'gone:latest', requests: 2n, estimated: true }],
    },
  });
  expect(await screen.findByRole('row', { name: 'gone:latest 2 0' })).toBeVisible();
  expect(screen.queryByText(/≈/)).toBeNull();
});

test('who has no key yet is shown, once, what to do with one', async () => {
  const { person } = open({ credentials: [] });
  expect(await screen.findByText(/-H "Authorization: Bearer pdk_…" \\/)).toBeVisible();
  await person.click(screen.getByRole('combobox', { name: 'Use it with' }));
  await person.click(await screen.findByRole('option', { name: /^Python/ }));
  expect(await screen.findByText(/base_url="http.+\/v1"/)).toBeVisible();
});
