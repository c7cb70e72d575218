import { CSPProvider } from '@base-ui/react/csp-provider';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createConnectQueryKey, TransportProvider } from '@connectrpc/connect-query';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider, type RouterHistory } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from 'react';
import { isPassing } from './api/errors';
import type { Session } from './api/session';
import { OllamaService } from './gen/paddock/v1/ollama_pb';
import { newRouter } from './router';
import { ErrorWords } from './ui/words';

const Toasts = lazy(async () => ({ default: (await import('./ui/toast')).Toasts }));

interface AppProps {
  session: Session;
  /** Makes its calls in the session. */
  transport: Transport;
  /** The browser's when absent. */
  history?: RouterHistory;
}

export function App({ session, transport, history }: AppProps) {
  const [queryClient] = useState(() => newQueryClient(session));
  const [router] = useState(() => newRouter({ session, queryClient, transport }, history));

  // They outlive the shell, so that a sign-out can say how it went; before a sign-in there are none to show.
  const signedIn = useSyncExternalStore(session.subscribe, () => session.user !== undefined);
  const [toasts, setToasts] = useState(signedIn);
  if (signedIn && !toasts) setToasts(true);

  useEffect(() => {
    let before = session.user;
    return session.subscribe(() => {
      if (session.user?.id !== before?.id) queryClient.clear(); // what one user saw is not for the next
      before = session.user;
      void router.invalidate();
    });
  }, [session, router, queryClient]);

  return (
    <CSPProvider disableStyleElements>
      <TransportProvider transport={transport}>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
          <Suspense>{toasts && <Toasts />}</Suspense>
        </QueryClientProvider>
      </TransportProvider>
    </CSPProvider>
  );
}

/** A mutation whose errors show in its own place, such as a form, says so with meta: { inPlace: true }. */
function newQueryClient(session: Session): QueryClient {
  const onRefusal = (thrown: Error) => {
    // The roles have changed since the page was drawn, it seems.
    if (ConnectError.from(thrown).code === Code.PermissionDenied)
      session.refresh(session.accessToken).catch(() => {});
  };
  const queryClient = new QueryClient({
    defaultOptions: {
      queries: { retry: (failures, thrown) => failures < 2 && isPassing(thrown), staleTime: 10_000 },
    },
    queryCache: new QueryCache({ onError: onRefusal }),
    mutationCache: new MutationCache({
      onError: (thrown, _variables, _result, mutation) => {
        onRefusal(thrown);
        if (mutation.meta?.inPlace) return;
        void import('./ui/toast').then(({ toast }) => toast.failed(<ErrorWords error={thrown} />));
      },
    }),
  });
  const { listModels } = OllamaService.method;
  queryClient.setQueryDefaults(createConnectQueryKey({ schema: listModels, cardinality: 'finite' }), {
    staleTime: 60_000,
  });
  return queryClient;
}
