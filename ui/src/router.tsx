import type { Transport } from '@connectrpc/connect';
import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  type RouterHistory,
} from '@tanstack/react-router';
import {
  CircleUser,
  LayoutDashboard,
  MessagesSquare,
  ScrollText,
  UserPlus,
  Users,
  Waypoints,
} from 'lucide-react';
import { lazy } from 'react';
import { prefetchFor } from './api/prefetch';
import type { Session } from './api/session';
import { AuditService } from './gen/paddock/v1/audit_pb';
import { AuthService } from './gen/paddock/v1/auth_pb';
import { CredentialService } from './gen/paddock/v1/credentials_pb';
import { OllamaService } from './gen/paddock/v1/ollama_pb';
import { OverviewService } from './gen/paddock/v1/overview_pb';
import { UserService } from './gen/paddock/v1/users_pb';
import { auditSearch, entriesAsked, isMoving, recentEvents } from './panels/audit/search';
import { Failed, NotFound } from './panels/plain';
import { usersAsked, usersSearch } from './panels/users/search';

interface Context {
  session: Session;
  queryClient: QueryClient;
  /** Makes its calls in the session. */
  transport: Transport;
}

const root = createRootRouteWithContext<Context>()({
  beforeLoad: ({ context }) => context.session.restore(),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  // Where one was going. A path of ours only: a link to the sign-in must not lead elsewhere.
  validateSearch: ({ to }): { to?: string } => ({ to: isOurs(to) ? to : undefined }),
  beforeLoad: ({ context, search }) => {
    if (context.session.user) throw redirect({ href: search.to ?? '/' });
  },
  component: lazyRouteComponent(() => import('./panels/sign-in'), 'SignIn'),
});

// Everything that needs a session.
const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  beforeLoad: ({ context, location }) => {
    const { user } = context.session;
    if (!user) throw redirect({ to: '/sign-in', search: location.href === '/' ? {} : { to: location.href } });
    return { user, prefetch: prefetchFor(user, context.queryClient, context.transport) };
  },
  component: lazyRouteComponent(() => import('./panels/shell/shell'), 'Shell'),
});

// The table of panels. The sidebar, the command menu, the shortcuts and the guard are drawn from it: a panel is
// registered by its route here, and by nothing else.
const panels = [
  createRoute({
    getParentRoute: () => shell,
    path: '/',
    staticData: {
      panel: {
        title: 'Overview',
        icon: LayoutDashboard,
        section: 'Administration',
        key: 'o',
        needs: [OverviewService.method.getOverview],
        otherwise: lazy(() => import('./panels/shell/home')),
      },
    },
    loader: ({ context: { prefetch } }) => {
      prefetch(OverviewService.method.getOverview, {});
      prefetch(OllamaService.method.listModels, {});
      prefetch(AuditService.method.listAuditEntries, recentEvents);
    },
    component: lazyRouteComponent(() => import('./panels/overview/overview'), 'Overview'),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/users/new',
    staticData: {
      panel: {
        title: 'User creation',
        icon: UserPlus,
        section: 'Administration',
        key: 'n',
        needs: [UserService.method.createUser],
      },
    },
    loader: ({ context: { prefetch } }) => prefetch(UserService.method.listRoles, {}),
    component: lazyRouteComponent(() => import('./panels/users/create-user'), 'CreateUser'),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/users/{-$userId}',
    validateSearch: usersSearch,
    staticData: {
      panel: {
        title: 'Admin panel',
        icon: Users,
        section: 'Administration',
        key: 'u',
        needs: [UserService.method.listUsers],
        shortcuts: [
          { keys: '/', does: 'Search users' },
          { keys: 'r', does: 'Refresh' },
          { keys: 'j', does: 'First user; then j, k or the arrows from user to user' },
        ],
      },
    },
    loaderDeps: ({ search }) => search,
    loader: ({ context: { prefetch }, deps, params: { userId } }) => {
      prefetch(UserService.method.listUsers, usersAsked(deps));
      if (userId) prefetch(UserService.method.getUser, { id: userId });
      if (userId || deps.roles) prefetch(UserService.method.listRoles, {});
    },
    component: lazyRouteComponent(() => import('./panels/users/users'), 'Users'),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/chat/{-$conversation}',
    staticData: {
      panel: {
        title: 'Ollama chat',
        icon: MessagesSquare,
        section: 'Models',
        key: 'c',
        needs: [OllamaService.method.chat],
        shortcuts: [
          { keys: 'mod+shift+o', does: 'New conversation' },
          { keys: 'escape', does: 'Stop the answer' },
          { keys: 'arrowup', does: 'Edit the last prompt, from an empty message' },
        ],
      },
    },
    loader: ({ context: { prefetch } }) => prefetch(OllamaService.method.listModels, {}),
    component: lazyRouteComponent(() => import('./panels/chat/chat'), 'Chat'),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/embeddings',
    validateSearch: ({ model }): { model?: string } => ({
      model: typeof model === 'string' && model !== '' ? model : undefined,
    }),
    staticData: {
      panel: {
        title: 'Embeddings',
        icon: Waypoints,
        section: 'Models',
        key: 'e',
        needs: [OllamaService.method.embed],
        shortcuts: [
          { keys: 'mod+enter', does: 'Generate' },
          { keys: 'enter', does: 'On to the next input; with Shift, a new line' },
        ],
      },
    },
    loader: ({ context: { prefetch } }) => prefetch(OllamaService.method.listModels, {}),
    component: lazyRouteComponent(() => import('./panels/embeddings/embeddings'), 'Embeddings'),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/audit/{-$entryId}',
    validateSearch: auditSearch,
    staticData: {
      panel: {
        title: 'Audit log',
        icon: ScrollText,
        section: 'Administration',
        key: 'l',
        needs: [AuditService.method.listAuditEntries],
        shortcuts: [
          { keys: 'r', does: 'Load again' },
          { keys: 'j', does: 'First entry; then j, k or the arrows from entry to entry' },
        ],
      },
    },
    loaderDeps: ({ search }) => search,
    loader: ({ context: { prefetch }, deps }) => {
      // A window that ends now is another one when the panel opens.
      if (!isMoving(deps)) prefetch(AuditService.method.listAuditEntries, entriesAsked(deps));
      if (deps.user) prefetch(UserService.method.getUser, { id: deps.user });
    },
    component: lazyRouteComponent(() => import('./panels/audit/audit'), 'Audit'),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/account',
    staticData: {
      panel: {
        title: 'Account',
        icon: CircleUser,
        section: 'Yours',
        key: 'm',
        needs: [AuthService.method.whoAmI],
      },
    },
    loader: ({ context: { prefetch, user } }) => {
      prefetch(AuthService.method.whoAmI, {});
      prefetch(AuthService.method.listSessions, { userId: user.id });
      prefetch(CredentialService.method.listCredentials, { userId: user.id });
    },
    component: lazyRouteComponent(() => import('./panels/account/account'), 'Account'),
  }),
] as const;

// Every other address: who is signed in keeps the shell around the page that says so.
const unknown = createRoute({ getParentRoute: () => shell, path: '$', component: NotFound });

const routeTree = root.addChildren([signIn, shell.addChildren([...panels, unknown])]);

/** Browsers leave out control characters, and read \\ as /: "/\t/example.org" leads to another site. */
function isOurs(path: unknown): path is string {
  return (
    typeof path === 'string' &&
    /^\/[^\p{Cc}\\]*$/u.test(path) &&
    URL.canParse(path, location.origin) &&
    new URL(path, location.origin).origin === location.origin
  );
}

export function newRouter(context: Context, history?: RouterHistory) {
  return createRouter({
    routeTree,
    history,
    context,
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0, // the query client knows what is fresh
    defaultErrorComponent: Failed,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
