import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  Code,
  ConnectError,
  createRouterTransport,
  type ConnectRouter,
  type ServiceImpl,
} from '@connectrpc/connect';
import { createMemoryHistory } from '@tanstack/react-router';
import { render } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Session } from '../api/session';
import { authenticate } from '../api/transport';
import { App } from '../app';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb';
import { AuthService } from '../gen/paddock/v1/auth_pb';
import { type User, UserSchema } from '../gen/paddock/v1/users_pb';

interface Options {
  path?: string;
  /** Who is signed in; nobody when absent. */
  as?: User;
  /** What AuthService answers, beside refresh. */
  auth?: Partial<ServiceImpl<typeof AuthService>>;
  /** What the other services answer; calls go through real serialisation. */
  services?: (router: ConnectRouter) => void;
}

/** The whole page, with its server played by typed fakes. */
export function renderApp({ path = '/', as, auth, services }: Options) {
  const routes = (router: ConnectRouter) => {
    router.service(AuthService, {
      refresh: () => {
        if (!as) throw fault(Code.Unauthenticated, 'UNAUTHENTICATED', 'the session is over');
        return { accessToken: 'token', user: as };
      },
      ...auth,
    });
    services?.(router);
  };
  if (as) localStorage.setItem('paddock.signed-in', '1');
  const session = new Session(createRouterTransport(routes), { withCookie: true });
  const transport = createRouterTransport(routes, { transport: { interceptors: [authenticate(session)] } });
  const history = createMemoryHistory({ initialEntries: [path] });
  render(<App session={session} transport={transport} history={history} />);
  return { session, history, person: userEvent.setup() };
}

/** A user with these roles. */
export function someone(...roles: string[]): User {
  return create(UserSchema, {
    id: '01a20588-5d85-7abe-8000-000000000001',
    email: 'ada@example.com',
    active: true,
    roles,
  });
}

/** An error as the server makes it. */
export function fault(
  code: Code,
  reason: string,
  message: string,
  { fields = {}, retryAfter }: { fields?: Record<string, string>; retryAfter?: number } = {},
): ConnectError {
  const violations = Object.entries(fields).map(([field, description]) => ({ field, description }));
  const badRequest: MessageInitShape<typeof BadRequestSchema> = { fieldViolations: violations };
  return new ConnectError(message, code, undefined, [
    { desc: ErrorInfoSchema, value: { domain: 'paddock', reason } },
    ...(violations.length > 0 ? [{ desc: BadRequestSchema, value: badRequest }] : []),
    ...(retryAfter
      ? [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryAfter * 1000) } }]
      : []),
  ]);
}
