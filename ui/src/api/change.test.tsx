import type { DescMethodUnary } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { createRouterTransport } from '@connectrpc/connect';
import { createConnectQueryKey, TransportProvider } from '@connectrpc/connect-query';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, renderHook } from '@testing-library/react';
import type { ReactNode } from 'react';
import { expect, test } from 'vitest';
import { AuditService } from '../gen/paddock/v1/audit_pb';
import { AuthService } from '../gen/paddock/v1/auth_pb';
import { CredentialService } from '../gen/paddock/v1/credentials_pb';
import { OllamaService } from '../gen/paddock/v1/ollama_pb';
import { OverviewService } from '../gen/paddock/v1/overview_pb';
import { UsageService } from '../gen/paddock/v1/usage_pb';
import { UserService } from '../gen/paddock/v1/users_pb';
import { shownBy, useChange } from './change';

const NO_SIDE_EFFECTS = 1;

const methods = [
  ...AuditService.methods,
  ...AuthService.methods,
  ...CredentialService.methods,
  ...OllamaService.methods,
  ...OverviewService.methods,
  ...UsageService.methods,
  ...UserService.methods,
].filter((method): method is DescMethodUnary => method.methodKind === 'unary');
const queries = methods.filter(({ idempotency }) => idempotency === NO_SIDE_EFFECTS);

/** The names of what is asked for anew once the method was called. */
async function changedBy(method: DescMethodUnary): Promise<string[]> {
  const queryClient = new QueryClient();
  for (const schema of queries) {
    const queryKey = createConnectQueryKey({ schema, input: {}, cardinality: 'finite' });
    queryClient.setQueryData(queryKey, create(schema.output));
  }
  const transport = createRouterTransport(({ rpc }) => rpc(method, () => ({})));
  const wrapper = ({ children }: { children: ReactNode }) => (
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queryClient}>{children}</QueryClientProvider>
    </TransportProvider>
  );
  const { result } = renderHook(() => useChange(method), { wrapper });
  await act(() => result.current.mutateAsync({}));
  const names = queries.map(({ localName }) => localName);
  return queryClient
    .getQueryCache()
    .getAll()
    .flatMap(({ state }, i) => (state.isInvalidated ? names[i]! : []))
    .toSorted();
}

test.each([
  [UserService.method.createUser, ['countAuditEntries', 'getOverview', 'listAuditEntries', 'listUsers']],
  [UsageService.method.setQuota, ['countAuditEntries', 'getQuota', 'listAuditEntries', 'whoAmI']],
  [
    CredentialService.method.setCredentialModels,
    ['countAuditEntries', 'listAuditEntries', 'listCredentials'],
  ],
  [UserService.method.setRoleModels, ['countAuditEntries', 'listAuditEntries', 'listModels', 'listRoles']],
  [
    AuthService.method.revokeSession,
    ['countAuditEntries', 'getOverview', 'listAuditEntries', 'listSessions'],
  ],
])('a change is asked for anew where it shows, and nothing else is: $name', async (method, names) => {
  expect(await changedBy(method as DescMethodUnary)).toEqual(names);
});

test('every change says where it shows', () => {
  const ways = ['login', 'refresh', 'logout', 'embed']; // into the page and out of it, and what is kept nowhere
  const changes = methods.filter((method) => !queries.includes(method) && !ways.includes(method.localName));
  expect(changes.filter((method) => !shownBy.has(method))).toEqual([]);
});
