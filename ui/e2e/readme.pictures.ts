import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Server } from './server';
import { signIn, test as base } from './test';

// No tests: they take the README's pictures, of the overview of a server that has been in use for a while.
const folder = join(import.meta.dirname, '../../docs/images');
const DAY = 86_400_000;

const people = [
  ['Grace Hopper', 412_000],
  ['Alan Turing', 318_000],
  ['Katherine Johnson', 207_000],
  ['Barbara Liskov', 151_000],
  ['Radia Perlman', 96_000],
  ['Donald Knuth', 64_000],
  ['Margaret Hamilton', 38_000],
  ['Annie Easley', 21_000],
] as const;

const test = base.extend({
  server: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads what a fixture needs from the pattern
    async ({}, use) => {
      const data = mkdtempSync(join(tmpdir(), 'paddock-pictures-'));
      const server = new Server();
      try {
        const env = { DATA_DIR: data, OLLAMA_BASE_URL: await startModels(), DEFAULT_CHAT_MODEL: 'qwen3:8b' };
        await server.start({ env });
        await inhabit(server, join(data, 'paddock.db'));
        await use(server);
      } finally {
        await server.stop();
        rmSync(data, { recursive: true });
      }
    },
    { scope: 'worker' },
  ],
});

for (const theme of ['light', 'dark'] as const)
  test(`overview, ${theme}`, async ({ browser, server }) => {
    const context = await browser.newContext({
      baseURL: server.url,
      colorScheme: theme,
      reducedMotion: 'reduce',
      viewport: { width: 1280, height: 800 },
    });
    const page = await context.newPage();
    await signIn(page, server.admin);
    await page.getByText('api_key_revoked').first().waitFor();
    await page.getByText('qwen3:8b').first().waitFor();
    await page.screenshot({ path: join(folder, `overview-${theme}.png`), animations: 'disabled' });
    await context.close();
  });

/** Makes the people, their keys and what they did today through the server, and what they did before in its database. */
async function inhabit(server: Server, database: string): Promise<void> {
  const statements: string[] = [];
  for (const [displayName, tokens] of people) {
    const email = `${displayName.toLowerCase().replaceAll(' ', '.')}@example.com`;
    const password = 'correct battery horse staple';
    const { user } = await server.users.createUser({ email, displayName, roles: ['user'], password });
    statements.push(...past(user!.id, email, tokens));
    await server.auth.login({ email, password });
    await server.credentials.issueApiKey({ userId: user!.id, label: 'notebook' });
  }
  const { users } = await server.users.listUsers({ query: 'grace' });
  const userId = users[0]!.id;
  const expiresAt = timestampFromMs(Date.now() + 5 * DAY);
  await server.credentials.issueApiKey({ userId, label: 'ci-pipeline', expiresAt });
  const { credential } = await server.credentials.issueApiKey({ userId, label: 'old laptop' });
  await server.credentials.revokeCredential({ id: credential!.id });
  await server.auth.login({ email: users[0]!.email, password: 'mistyped' }).catch(() => {});
  execFileSync('sqlite3', [database], { input: `BEGIN;${statements.join('\n')}COMMIT;` });
}

/** What the user did in the four weeks before today: sign-ins, and tokens used; little of both at weekends. */
function past(userId: string, email: string, tokens: number): string[] {
  const statements: string[] = [];
  for (let ago = 27; ago >= 0; ago--) {
    const day = new Date(Date.now() - ago * DAY);
    const weekend = day.getUTCDay() % 6 === 0;
    const share = (weekend ? 0.15 : 1) * (1.2 + Math.sin(ago * 2.4 + tokens)) * (1.6 - ago / 40);
    const date = day.toISOString().slice(0, 10);
    const used = Math.round((tokens / 28) * share);
    statements.push(
      `INSERT INTO usage_periods (id, user_id, period, requests, used) VALUES ('${userId}/${date}', '${userId}', '${date}', ${Math.ceil(used / 900)}, ${used}) ON CONFLICT DO NOTHING;`,
    );
    statements.push(
      `INSERT INTO usage_records (id, user_id, kind, model, prompt_tokens, completion_tokens, duration_ms, outcome, estimated, day, started_at) VALUES ('${userId.slice(0, 18)}-9${String(ago).padStart(3, '0')}-${String(tokens).padStart(12, '0')}', '${userId}', 'chat', 'qwen3:8b', ${used}, 0, 1000, 'ok', 0, '${date}', '${date} 08:00:00+00:00');`,
    );
    const signIns = ago === 0 ? 0 : Math.round(share * 2);
    for (let i = 0; i < signIns; i++) {
      const failed = i === 3 && ago % 3 === 0;
      const id = `${userId.slice(0, 18)}-8${String(ago).padStart(3, '0')}-${String(tokens + i).padStart(12, '0')}`;
      statements.push(
        `INSERT INTO audit_entries (id, event_type, occurred_at, actor_user_id, actor_email, ip, user_agent, request_id, outcome, detail) VALUES ('${id}', '${failed ? 'login_failure' : 'login_success'}', '${date} 08:0${i % 10}:00+00:00', '${userId}', '${email}', '192.0.2.7', '', '', '${failed ? 'failure' : 'success'}', '');`,
      );
    }
  }
  return statements;
}

/** Starts an Ollama server that has models and never answers a chat. */
async function startModels(): Promise<string> {
  const models = ['qwen3:8b', 'gpt-oss:20b', 'llama3.2:latest', 'nomic-embed-text:latest'].map((name, i) => ({
    name,
    model: name,
    size: [5.2e9, 13.8e9, 2.0e9, 0.3e9][i],
    digest: String(i).repeat(64),
    modified_at: new Date(Date.now() - i * DAY),
    details: {
      family: name.split(/[:-]/)[0],
      parameter_size: ['8.2B', '20.9B', '3.2B', '137M'][i],
      quantization_level: 'Q4_K_M',
    },
  }));
  const answers: Record<string, unknown> = {
    '/api/version': { version: '0.17.4' },
    '/api/tags': { models },
    '/api/ps': { models: models.slice(0, 2).map((m) => ({ ...m, expires_at: new Date(Date.now() + 3e5) })) },
    '/api/show': { capabilities: ['completion', 'tools'], details: {}, model_info: {} },
  };
  const server = createServer((req, res) => {
    const answer = answers[req.url!];
    res.writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify(answer ?? { error: 'not found' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve).unref());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
