import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { User } from '../src/gen/paddock/v1/users_pb';
import type { Server } from './server';

const people = [
  ['Grace Hopper', 'user'],
  ['Alan Turing', 'user'],
  ['Barbara Liskov', 'admin'],
  ['Edsger Dijkstra', ''],
  ['Katherine Johnson', 'user'],
  ['Radia Perlman', 'admin'],
  ['Tim Berners-Lee', 'user'],
  ['Annie Easley', ''],
  ['Donald Knuth', 'user'],
  ['Margaret Hamilton', 'user'],
] as const;

/** Those that the role user may use. */
const models = [
  'tiny-chat:latest',
  'tiny-think:latest',
  'tiny-embed:latest',
  'hf.co/a-publisher-of-models/a-model-with-a-name-that-is-long-GGUF:Q4_K_M',
];

const DAY = 86_400_000;

/** Fills the server with what an installation has after a while, and gives one user who has some of everything. */
export async function populate(server: Server): Promise<User> {
  for (const [displayName, role] of people) {
    const email = `${displayName.toLowerCase().replaceAll(' ', '.')}@example.com`;
    await server.users.createUser({ email, displayName, roles: role ? [role] : [] });
  }
  const { user } = await server.users.createUser({
    email: 'ada.lovelace@analytical-engines.example.com',
    displayName: 'Ada Lovelace',
    externalId: 'hr-1815',
    roles: ['user'],
    password: 'correct battery horse staple',
  });
  const userId = user!.id;
  const keys = [
    { label: 'notebook' },
    { label: 'ci-token', expiresAt: timestampFromMs(Date.now() + 5 * DAY) },
    { label: 'a key with a label that is so long that it does not fit into one line of a narrow drawer' },
  ];
  for (const key of keys) {
    const { secret } = await server.credentials.issueApiKey({ userId, ...key });
    const ollama = server.ollama(secret);
    for (const model of ['tiny-tools', 'tiny-chat', 'tiny-think']) {
      for await (const _ of ollama.chat({ model, messages: [{ role: 'user', content: key.label }] }));
    }
    await ollama.embed({ model: 'tiny-embed', input: ['a horse', 'a zebra'] });
  }
  await server.usage.setQuota({ userId, tokensPerDay: 700n, tokensPerMonth: 20_000n });
  const { credential } = await server.credentials.issueApiKey({ userId, label: 'old laptop' });
  await server.credentials.revokeCredential({ id: credential!.id });
  await server.auth.login({ email: user!.email, password: 'correct battery horse staple' });
  await server.auth.login({ email: user!.email, password: 'wrong' }).catch(() => {});
  await server.users.setRoleModels({ name: 'user', models: { names: models } });
  const { user: left } = await server.users.createUser({
    email: 'charles@example.com',
    displayName: 'Charles Babbage',
  });
  await server.users.updateUser({ id: left!.id, active: false });
  return user!;
}

/** Creates many users: person-0001@example.com and so on. The server writes what comes at once in one transaction. */
export async function crowd(server: Server, count: number): Promise<void> {
  let next = 1;
  const create = async () => {
    while (next <= count) {
      const email = `person-${String(next++).padStart(4, '0')}@example.com`;
      await server.users.createUser({ email });
    }
  };
  await Promise.all(Array.from({ length: 32 }, create));
}
