import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createClient, type Client, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { AuthService } from '../src/gen/paddock/v1/auth_pb';
import { CredentialService } from '../src/gen/paddock/v1/credentials_pb';
import { OllamaService } from '../src/gen/paddock/v1/ollama_pb';
import { UsageService } from '../src/gen/paddock/v1/usage_pb';
import { UserService, type User } from '../src/gen/paddock/v1/users_pb';
import { Upstream } from './upstream';

const bin = join(import.meta.dirname, '../../bin');

/** Who can sign in. */
export interface Account {
  email: string;
  password: string;
}

/** How a server is started. */
export interface Start {
  /** Settings that differ from the usual ones. */
  env?: NodeJS.ProcessEnv;
  /** How many Ollama servers there are; all are the same one, behind upstreams of their own. */
  upstreams?: number;
}

/** bin/paddock on an embedded database of its own, with the test Ollama behind it. */
export class Server {
  url = '';
  readonly admin: Account = { email: 'admin@example.com', password: 'a paddock for horses' };
  upstreams: Upstream[] = [];
  /** Called as the first admin. */
  auth!: Client<typeof AuthService>;
  credentials!: Client<typeof CredentialService>;
  usage!: Client<typeof UsageService>;
  users!: Client<typeof UserService>;

  readonly #children: ChildProcess[] = [];
  #dir = '';
  #made = 0;

  /** The first of the Ollama servers, or the only one. */
  get upstream(): Upstream {
    return this.upstreams[0]!;
  }

  async start({ env, upstreams = 1 }: Start = {}): Promise<void> {
    const ollama = this.#spawn('ollamatest', ['-addr', '127.0.0.1:0'], {});
    const [behind] = await until(ollama.stderr, /test Ollama on (\S+)/);
    this.upstreams = Array.from({ length: upstreams }, () => new Upstream(behind!));
    await Promise.all(this.upstreams.map((upstream) => upstream.start()));

    this.#dir = await mkdtemp(join(tmpdir(), 'paddock-e2e-'));
    const paddock = this.#spawn('paddock', ['serve'], {
      DATA_DIR: this.#dir,
      LISTEN_ADDR: '127.0.0.1:0',
      LOG_FORMAT: 'json',
      OLLAMA_BASE_URL: this.upstreams.map(({ url }) => url).join(','),
      ADMIN_BOOTSTRAP_PASSWORD: this.admin.password,
      RATE_LIMIT_PER_MINUTE: '0',
      ARGON2_MEMORY_KIB: '64', // cheap hashes
      ARGON2_TIME: '1',
      ...env,
    });
    const [[key], [addr]] = await Promise.all([
      until(paddock.stdout, /BOOTSTRAP_ADMIN_API_KEY=(\S+)/),
      until(paddock.stderr, /"msg":"serving","addr":"([^"]+)"/),
    ]);
    this.url = `http://${addr}`;
    const transport = this.#transport(key!);
    this.auth = createClient(AuthService, transport);
    this.credentials = createClient(CredentialService, transport);
    this.usage = createClient(UsageService, transport);
    this.users = createClient(UserService, transport);
  }

  async stop(): Promise<void> {
    for (const upstream of this.upstreams) upstream.stop();
    await Promise.all(this.#children.map(end));
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Makes a user of these roles whom no other test knows. */
  async newUser(...roles: string[]): Promise<Account & { user: User }> {
    const password = 'correct battery horse staple';
    const email = `${roles[0] ?? 'nobody'}-${++this.#made}@example.com`;
    const { user } = await this.users.createUser({ email, password, roles });
    return { email, password, user: user! };
  }

  /** The models, as a program calls them that has the API key. */
  ollama(key: string): Client<typeof OllamaService> {
    return createClient(OllamaService, this.#transport(key));
  }

  #transport(key: string): Transport {
    return createConnectTransport({
      baseUrl: this.url,
      interceptors: [
        (next) => (request) => {
          request.header.set('X-API-Key', key);
          return next(request);
        },
      ],
    });
  }

  #spawn(program: string, args: string[], env: NodeJS.ProcessEnv) {
    const child = spawn(join(bin, program), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    return child;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** Waits for what a program prints, and gives the groups of the pattern. */
function until(output: Readable, pattern: RegExp): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const read = (chunk: Buffer) => {
      printed += chunk;
      const found = pattern.exec(printed);
      if (!found) return;
      resolve(found.slice(1));
      output.off('data', read).resume(); // a program waits while nobody reads
    };
    output.on('data', read);
    output.once('end', () => reject(new Error(`it ended before it printed ${pattern}:\n${printed}`)));
  });
}
