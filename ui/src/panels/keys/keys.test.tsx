import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { type Credential, CredentialSchema, CredentialService } from '../../gen/paddock/v1/credentials_pb';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';
import { type User, UserService } from '../../gen/paddock/v1/users_pb';
import { renderApp, someone } from '../../test/app';
import { statusOf } from './status';

const DAY = 86_400_000;
const now = Date.now();
const soon = (days: number) => timestampFromDate(new Date(now + days * DAY));

function key(label: string, more: MessageInitShape<typeof CredentialSchema> = {}): Credential {
  return create(CredentialSchema, { id: label, label, prefix: 'pdk_abc', ...more });
}

const someModels = [
  { name: 'llama3.2:latest', capabilities: [] as string[] },
  { name: 'bge-m3', capabilities: ['embedding'] },
];

/** The drawer of a user who has these keys. */
function open(keys: Credential[], made?: Promise<void>, listed = someModels) {
  const admin: User = someone('admin');
  return renderApp({
    path: `/users/${admin.id}`,
    as: admin,
    services: ({ service }) => {
      service(UserService, {
        listRoles: () => ({}),
        listUsers: () => ({ users: [admin], totalSize: 1 }),
        getUser: () => ({ user: admin }),
      });
      service(OllamaService, {
        listModels: () => ({ models: listed }),
      });
      service(CredentialService, {
        listCredentials: () => ({ credentials: keys }),
        issueApiKey: async ({ label, expiresAt, models }) => {
          await made;
          const credential = key(label, { expiresAt, models });
          keys.unshift(credential);
          return { credential, secret: 'pdk_abc_secret' };
        },
        rotateCredential: async () => {
          await made;
          return { secret: 'pdk_new_secret' };
        },
        setCredentialModels: ({ id, models }) => {
          const credential = keys.find((one) => one.id === id)!;
          credential.models = models;
          return { credential };
        },
        revokeCredential: ({ id }) => {
          keys.find((one) => one.id === id)!.revokedAt = soon(0);
          return {};
        },
      });
    },
  });
}

test('shows a new key once; neither Escape nor the way back takes it away', async () => {
  const keys: Credential[] = [];
  const { person, history } = open(keys);
  await person.type(await screen.findByLabelText('Label'), 'ci-token');
  await person.click(screen.getByRole('button', { name: 'Issue' }));

  const dialog = within(await screen.findByRole('alertdialog'));
  const here = history.location.href;
  await person.keyboard('{Escape}');
  history.push('/users');
  expect(history.location.href).toBe(here);
  expect(dialog.getByRole('textbox', { name: 'API key' })).toHaveTextContent('pdk_abc_secret');
  await person.click(dialog.getByRole('button', { name: 'I stored it' }));

  await waitFor(() => expect(screen.queryByText('pdk_abc_secret')).not.toBeInTheDocument());
  expect(await screen.findByRole('button', { name: 'Revoke ci-token' })).toBeInTheDocument();
  const days = (timestampDate(keys[0]!.expiresAt!).getTime() - now) / DAY;
  expect(Math.round(days)).toBe(90);
});

test.each(['Issue', 'Rotate'])('nothing leads away while a key is being made: %s', async (act) => {
  let make!: () => void;
  const made = new Promise<void>((resolve) => (make = resolve));
  const { person, history } = open([key('old')], made);
  await person.type(await screen.findByLabelText('Label'), 'ci-token');
  if (act === 'Rotate') await person.click(await screen.findByRole('button', { name: 'Rotate old' }));
  await person.click(await screen.findByRole('button', { name: act }));
  const here = history.location.href;
  history.push('/users');
  expect(history.location.href).toBe(here);
  make();
  expect(await screen.findByRole('button', { name: 'I stored it' })).toBeVisible();
});

test('no shortcut passes over a secret', async () => {
  const { person } = open([]);
  await person.type(await screen.findByLabelText('Label'), 'ci-token');
  await person.click(screen.getByRole('button', { name: 'Issue' }));
  await screen.findByRole('alertdialog');
  await person.keyboard('{Control>}k{/Control}');
  const menu = screen.findByRole('dialog', { name: 'Command menu', hidden: true }, { timeout: 1000 });
  await expect(menu).rejects.toThrow('Unable to find');
  expect(screen.getByRole('button', { name: 'I stored it' })).toBeVisible();
});

test('a key can be held to some models, and shows with them how to use it', async () => {
  const keys: Credential[] = [];
  const { person } = open(keys);
  await person.type(await screen.findByLabelText('Label'), 'ci-token');
  await person.click(screen.getByRole('button', { name: 'Models All models' }));
  const choice = within(await screen.findByRole('dialog', { name: 'Models of the new key' }));
  await person.click(choice.getByRole('switch', { name: 'All models' }));
  await person.click(await choice.findByRole('checkbox', { name: 'llama3.2:latest' }));
  await person.type(choice.getByLabelText('Another one'), 'qwen3:8b{Enter}');
  expect(choice.getByRole('checkbox', { name: 'qwen3:8b' })).toBeChecked();
  await person.click(choice.getByRole('button', { name: 'Use these' }));
  await person.click(await screen.findByRole('button', { name: 'Models 2 models' }));
  await person.click(await screen.findByRole('button', { name: 'Cancel' }));
  await person.click(screen.getByRole('button', { name: 'Issue' }));

  const dialog = within(await screen.findByRole('alertdialog'));
  expect(dialog.getByText(/Bearer pdk_abc_secret[^]+"model": "llama3.2:latest"/)).toBeVisible();
  expect(keys[0]!.models?.names).toEqual(['llama3.2:latest', 'qwen3:8b']);
});

test.each([
  { allowed: undefined, named: 'qwen3-coder' },
  { allowed: ['bge-m3', 'llama3.2:latest', 'qwen3:8b'], named: 'qwen3:8b' },
  { allowed: ['bge-m3', 'llama3.2:latest'], named: 'llama3.2:latest' },
])(
  'a key for $allowed is shown with a model that calls tools, if there is one',
  async ({ allowed, named }) => {
    const keys = [key('ci-token', { models: allowed && { names: allowed } })];
    const { person } = open(keys, undefined, [
      { name: 'tools-only', capabilities: ['tools'] },
      ...someModels,
      { name: 'qwen3-coder', capabilities: ['completion', 'tools'] },
      { name: 'qwen3:8b', capabilities: ['completion', 'tools'] },
    ]);
    await person.click(await screen.findByRole('button', { name: 'Rotate ci-token' }));
    await person.click(await screen.findByRole('button', { name: 'Rotate' }));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'The key ci-token' }));
    expect(await dialog.findByText(new RegExp(`"model": "${named}"`))).toBeVisible();
  },
);

test('a key for embeddings alone is shown with a call that makes some', async () => {
  const { person } = open([key('ci-token', { models: { names: ['bge-m3'] } })]);
  await person.click(await screen.findByRole('button', { name: 'Rotate ci-token' }));
  await person.click(await screen.findByRole('button', { name: 'Rotate' }));
  const dialog = within(await screen.findByRole('alertdialog', { name: 'The key ci-token' }));
  expect(await dialog.findByText(/v1\/embeddings [^]+"model": "bge-m3",\s+"input": "Hello"/)).toBeVisible();
  await person.click(dialog.getByRole('combobox', { name: 'Use it with' }));
  expect(screen.queryByRole('option', { name: /Codex/ })).toBeNull();
  await person.click(await screen.findByRole('option', { name: /^Ollama/ }));
  expect(await dialog.findByText(/client\.embed\(/)).toBeVisible();
});

test('a new key is shown as the client takes it that was chosen last, and is kept nowhere', async () => {
  const { person } = open([key('ci-token')]);
  const rotate = async () => {
    await person.click(await screen.findByRole('button', { name: 'Rotate ci-token' }));
    await person.click(await screen.findByRole('button', { name: 'Rotate' }));
    return within(await screen.findByRole('alertdialog', { name: 'The key ci-token' }));
  };
  const dialog = await rotate();
  await person.click(dialog.getByRole('combobox', { name: 'Use it with' }));
  await person.keyboard('{ArrowDown}{ArrowDown}{Enter}');
  await person.click(await dialog.findByRole('button', { name: 'Copy for Codex' }));
  expect(await navigator.clipboard.readText()).toBe('export PADDOCK_API_KEY=pdk_new_secret\ncodex');
  await person.click(dialog.getByRole('button', { name: 'Copy ~/.codex/config.toml' }));
  const config = await navigator.clipboard.readText();
  expect(config).toContain(`base_url = "${location.origin}/v1"`);
  expect(config).toContain('model = "llama3.2:latest"');
  await person.click(dialog.getByRole('button', { name: 'I stored it' }));

  expect(await (await rotate()).findByText(/^export PADDOCK_API_KEY=pdk_new_secret\s+codex$/)).toBeVisible();
  expect({ ...sessionStorage }).toEqual({});
  expect({ ...localStorage }).toEqual({ 'paddock.signed-in': '1', 'paddock.client': 'codex' });
});

test('a key that may use no model is shown with a name that stands for one', async () => {
  const { person } = open([key('ci-token', { models: { names: [] } })]);
  await person.click(await screen.findByRole('button', { name: 'Rotate ci-token' }));
  await person.click(await screen.findByRole('button', { name: 'Rotate' }));
  const dialog = within(await screen.findByRole('alertdialog', { name: 'The key ci-token' }));
  expect(await dialog.findByText(/"model": "YOUR_MODEL"/)).toBeVisible();
  expect(await dialog.findByText('YOUR_MODEL')).toBeVisible();
});

test('the models of a key can be changed: to none, and back to all', async () => {
  const keys = [key('ci-token', { models: { names: ['llama3.2:latest'] } })];
  const { person } = open(keys);
  const change = async (role: 'checkbox' | 'switch', name: string) => {
    await person.click(await screen.findByRole('button', { name: 'Models of ci-token' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Models of ci-token' }));
    await person.click(await dialog.findByRole(role, { name }));
    await person.click(dialog.getByRole('button', { name: 'Save models' }));
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Save models' })).toBeNull());
  };
  await change('checkbox', 'llama3.2:latest');
  expect(keys[0]!.models?.names).toEqual([]);
  await change('switch', 'All models');
  expect(keys[0]!.models).toBeUndefined();
});

test('asks before it revokes, and says what that does', async () => {
  const { person } = open([key('ci-token')]);
  await person.click(await screen.findByRole('button', { name: 'Revoke ci-token' }));
  const question = within(await screen.findByRole('alertdialog', { name: 'Revoke ci-token?' }));
  expect(question.getByText(/Calls using it fail at once/)).toBeInTheDocument();
  await person.click(question.getByRole('button', { name: 'Revoke' }));
  expect(await screen.findByText('Revoked')).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Revoke ci-token' })).not.toBeInTheDocument();
});

test.each([
  ['Active', {}],
  ['Active', { expiresAt: soon(15) }],
  ['Expires soon', { expiresAt: soon(13) }],
  ['Expired', { expiresAt: soon(-1) }],
  ['Revoked', { expiresAt: soon(-1), revokedAt: soon(-2) }],
])('a key is said to be: %s', (word, times) => {
  expect(statusOf(key('one', times), now).word).toBe(word);
});
