import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type ServiceImpl,
} from '@connectrpc/connect';
import { expect, test, vi } from 'vitest';
import { AuthService } from '../gen/paddock/v1/auth_pb';
import { OllamaService } from '../gen/paddock/v1/ollama_pb';
import { fault, someone } from '../test/app';
import { Session } from './session';
import { authenticate } from './transport';

const expired = () => fault(Code.Unauthenticated, 'UNAUTHENTICATED', 'the token has expired');

/** A server whose current access token is the last that it gave; counts what it is asked. */
function server() {
  const asked = { refresh: 0, list: 0, chat: 0 };
  let current = 'token 0';
  const demandToken = (header: Headers) => {
    if (header.get('Authorization') !== `Bearer ${current}`) throw expired();
  };
  const auth: Pick<ServiceImpl<typeof AuthService>, 'login' | 'refresh' | 'logout'> = {
    login: () => ({ accessToken: current, user: someone('user') }),
    refresh: async () => {
      asked.refresh++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { accessToken: (current = `token ${asked.refresh}`), user: someone('user') };
    },
    logout: () => ({}),
  };
  const open = (options: { withCookie: boolean } = { withCookie: true }) => {
    const bare = createRouterTransport((router) =>
      router.service(AuthService, {
        ...auth,
        login: (request, context) => auth.login(request, context),
        logout: (request, context) => auth.logout(request, context),
        refresh: (request, context) => auth.refresh(request, context),
      }),
    );
    const session = new Session(bare, options);
    const transport = createRouterTransport(
      (router) =>
        router.service(OllamaService, {
          listModels: (_request, { requestHeader }) => {
            asked.list++;
            demandToken(requestHeader);
            return {};
          },
          async *chat({ messages }, { requestHeader }) {
            asked.chat++;
            demandToken(requestHeader);
            yield { content: messages[0]!.content };
            if (messages[0]!.content === 'break') throw expired();
          },
        }),
      { transport: { interceptors: [authenticate(session)] } },
    );
    return { session, ollama: createClient(OllamaService, transport) };
  };
  return { asked, auth, open, expire: () => (current = 'another') };
}

test('one refresh serves all calls that were refused, and each is made once more', async () => {
  const { asked, open, expire } = server();
  const { session, ollama } = open();
  await session.signIn('ada@example.com', 'secret');
  expire();
  await Promise.all(Array.from({ length: 10 }, () => ollama.listModels({})));
  expect(asked).toMatchObject({ refresh: 1, list: 20 });
});

test('what one tab refreshes, the others use', async () => {
  const { asked, open, expire } = server();
  const [here, there] = [open(), open()];
  await here.session.signIn('ada@example.com', 'secret');
  await vi.waitFor(() => expect(there.session.user?.email).toBe('ada@example.com'));
  expire();
  await here.ollama.listModels({});
  await vi.waitFor(() => expect(there.session.accessToken).toBe('token 1'));
  await there.ollama.listModels({});
  expect(asked.refresh).toBe(1);
});

test('a stream is made again before its first message, and never after', async () => {
  const { asked, open, expire } = server();
  const { session, ollama } = open();
  const said = async (content: string) => {
    const pieces: string[] = [];
    for await (const piece of ollama.chat({ messages: [{ role: 'user', content }] }))
      pieces.push(piece.content);
    return pieces;
  };
  await session.signIn('ada@example.com', 'secret');
  expire();
  expect(await said('hello')).toEqual(['hello']);
  expect(asked).toMatchObject({ refresh: 1, chat: 2 });
  await expect(said('break')).rejects.toThrow('the token has expired');
  expect(asked).toMatchObject({ refresh: 2, chat: 3 }); // the refresh tells whether the session is over
});

test('signing out signs all tabs out', async () => {
  const { open } = server();
  const [here, there] = [open().session, open().session];
  await here.signIn('ada@example.com', 'secret');
  await vi.waitFor(() => expect(there.user).toBeDefined());
  await here.signOut();
  await vi.waitFor(() => expect(there.user).toBeUndefined());
  expect(there.accessToken).toBeUndefined();
});

test('signing out reaches the server when the access token has expired', async () => {
  const { auth, open, expire } = server();
  const ended: string[] = [];
  const { session } = open();
  await session.signIn('ada@example.com', 'secret');
  expire();
  auth.logout = (_request, { requestHeader }) => {
    const header = requestHeader.get('Authorization')!;
    if (header !== 'Bearer token 1') throw expired();
    ended.push(header);
    return {};
  };
  await session.signOut();
  expect(ended).toEqual(['Bearer token 1']);
  expect(session.user).toBeUndefined();
});

test('who signs out is signed out here even if the server is away, and does not come back by itself', async () => {
  const { asked, auth, open } = server();
  const { session } = open();
  await session.signIn('ada@example.com', 'secret');
  auth.logout = () => {
    throw new ConnectError('the database is away', Code.Unavailable);
  };
  await expect(session.signOut()).rejects.toThrow('the database is away');
  expect(session.user).toBeUndefined();
  await expect(session.refresh(undefined)).rejects.toThrow('nobody is signed in');
  const next = open().session;
  await next.restore();
  expect(next.user).toBeUndefined();
  expect(asked.refresh).toBe(0);
});

test('a refresh that is answered after signing out does not sign in again', async () => {
  const { open, expire } = server();
  const { session, ollama } = open();
  await session.signIn('ada@example.com', 'secret');
  expire();
  const listed = ollama.listModels({});
  await new Promise((resolve) => setTimeout(resolve, 5));
  await session.signOut();
  await expect(listed).rejects.toThrow('expired');
  expect(session.user).toBeUndefined();
});

test('a call that was refused for one user is not made for another', async () => {
  const { asked, auth, open, expire } = server();
  const [here, there] = [open(), open()];
  await here.session.signIn('ada@example.com', 'secret');
  await vi.waitFor(() => expect(there.session.user).toBeDefined());
  expire();
  const bob = { ...someone('user'), id: 'bob' };
  auth.refresh = () => ({ accessToken: 'another', user: bob });
  await expect(here.ollama.listModels({})).rejects.toThrow('the token has expired');
  expect(here.session.user?.id).toBe('bob');
  expect(asked.list).toBe(1);
});

test('a refresh that is refused late leaves a newer sign-in alone', async () => {
  const { auth, open, expire } = server();
  const { session, ollama } = open();
  await session.signIn('ada@example.com', 'secret');
  expire();
  let refuse!: () => void;
  auth.refresh = () => new Promise((_, reject) => (refuse = () => reject(expired())));
  const listed = ollama.listModels({});
  await vi.waitFor(() => expect(refuse).toBeDefined());
  auth.login = () => ({ accessToken: 'another', user: someone('user') });
  await session.signIn('ada@example.com', 'secret');
  refuse();
  await listed;
  expect(session.user).toBeDefined();
});

test('a refused refresh ends the session; one that got no answer does not', async () => {
  const { auth, open, expire } = server();
  const { session, ollama } = open();
  await session.signIn('ada@example.com', 'secret');
  expire();
  auth.refresh = () => {
    throw new ConnectError('the database is away', Code.Unavailable);
  };
  await expect(ollama.listModels({})).rejects.toThrow('the database is away');
  expect(session.user).toBeDefined();
  auth.refresh = () => {
    throw expired();
  };
  await expect(ollama.listModels({})).rejects.toThrow('expired');
  expect(session.user).toBeUndefined();
});

test('nothing secret is stored', async () => {
  const { open } = server();
  const { session } = open();
  await session.signIn('ada@example.com', 'secret');
  expect(Object.entries(localStorage)).toEqual([['paddock.signed-in', '1']]);
  expect(sessionStorage).toHaveLength(0);
  expect(document.cookie).toBe('');
});

test('on another origin than the server, the refresh token stays in memory', async () => {
  const { auth, open, expire } = server();
  const refreshTokens: string[] = [];
  auth.login = ({ cookie }) => ({
    accessToken: 'token 0',
    refreshToken: cookie ? '' : 'r0',
    user: someone('user'),
  });
  const { refresh } = auth;
  auth.refresh = async (request, context) => {
    refreshTokens.push(request.refreshToken);
    return { ...(await refresh(request, context)), refreshToken: 'r1' };
  };
  const { session, ollama } = open({ withCookie: false });
  await session.signIn('ada@example.com', 'secret');
  expire();
  await ollama.listModels({});
  expire();
  await ollama.listModels({});
  expect(refreshTokens).toEqual(['r0', 'r1']);
});
