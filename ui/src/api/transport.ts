import { Code, ConnectError, type Interceptor, type StreamResponse } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { Session } from './session';

/** Where the server is: empty for where the page comes from. Set at build time by VITE_API_BASE. */
export const apiBase =
  document.querySelector<HTMLMetaElement>('meta[name="paddock-api-base"]')?.content ?? '';

/** The session, and the transport whose calls are made in it. */
export function connect() {
  const session = new Session(createConnectTransport({ baseUrl: apiBase }), { withCookie: apiBase === '' });
  const transport = createConnectTransport({
    baseUrl: apiBase,
    useHttpGet: true,
    interceptors: [authenticate(session)],
  });
  return { session, transport };
}

/**
 * Sends the access token. When the server refuses it, the session is refreshed and the call made once more, for the same user
 * only; a stream only while nothing of it has arrived. When the server ends a stream later, the refresh tells whether the
 * session is over.
 */
export function authenticate(session: Session): Interceptor {
  return (next) => async (request) => {
    const onBroken = async (thrown: unknown) => {
      if (ConnectError.from(thrown).code === Code.Unauthenticated)
        await session.refresh(session.accessToken).catch(() => {});
    };
    const attempt = async () => {
      request.header.set('Authorization', `Bearer ${session.accessToken}`);
      const response = await next(request);
      return response.stream ? begun(response, onBroken) : response;
    };
    if (request.stream) request = { ...request, message: await replayable(request.message) };
    const { accessToken, user } = session;
    try {
      return await attempt();
    } catch (thrown) {
      if (ConnectError.from(thrown).code !== Code.Unauthenticated) throw thrown;
      await session.refresh(accessToken);
      if (session.user?.id !== user?.id) throw thrown; // it was not theirs to make
      return attempt();
    }
  };
}

/** Waits for a stream's first message, which is where its error shows. onBroken is told of one that comes later. */
async function begun(
  response: StreamResponse,
  onBroken: (thrown: unknown) => Promise<void>,
): Promise<StreamResponse> {
  const messages = response.message[Symbol.asyncIterator]();
  const first = await messages.next();
  async function* all() {
    if (first.done) return;
    yield first.value;
    try {
      yield* { [Symbol.asyncIterator]: () => messages };
    } catch (thrown) {
      await onBroken(thrown);
      throw thrown;
    }
  }
  return { ...response, message: all() };
}

/** The page sends one message a call, which can be sent again. */
async function replayable<T>(messages: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return {
    async *[Symbol.asyncIterator]() {
      yield* all;
    },
  };
}
