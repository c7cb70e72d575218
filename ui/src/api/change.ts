import type { DescMessage, DescMethod, DescMethodUnary } from '@bufbuild/protobuf';
import { createConnectQueryKey, useMutation, type UseMutationOptions } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';
import { AuditService } from '../gen/paddock/v1/audit_pb';
import { AuthService } from '../gen/paddock/v1/auth_pb';
import { CredentialService } from '../gen/paddock/v1/credentials_pb';
import { OllamaService } from '../gen/paddock/v1/ollama_pb';
import { OverviewService } from '../gen/paddock/v1/overview_pb';
import { UsageService } from '../gen/paddock/v1/usage_pb';
import { UserService } from '../gen/paddock/v1/users_pb';

const { whoAmI, listSessions, changePassword, revokeSession } = AuthService.method;
const { listCredentials, issueApiKey, rotateCredential, revokeCredential, setCredentialModels } =
  CredentialService.method;
const { getUser, listUsers, listRoles, createUser, updateUser, deleteUser, setPassword, setRoleModels } =
  UserService.method;
const { getQuota, setQuota } = UsageService.method;
const { listAuditEntries, countAuditEntries } = AuditService.method;
const { listModels } = OllamaService.method;
const { getOverview } = OverviewService.method;

/** What else than the audit trail shows a change. A deleted user is not to be asked for, so that only lists are here. */
export const shownBy = new Map<DescMethod, DescMethodUnary[]>([
  [changePassword, [listSessions, getOverview]],
  [revokeSession, [listSessions, getOverview]],
  [issueApiKey, [listCredentials, getOverview]],
  [rotateCredential, [listCredentials, getOverview]],
  [revokeCredential, [listCredentials, getOverview]],
  [setCredentialModels, [listCredentials]],
  [createUser, [listUsers, getOverview]],
  [updateUser, [listUsers, getUser, listSessions, getOverview]],
  [deleteUser, [listUsers, getOverview]],
  [setPassword, [listSessions, getOverview]],
  [setRoleModels, [listRoles, listModels]],
  [setQuota, [getQuota, whoAmI]],
]);

/** A call that changes something. Every query that shows the change is then made anew. */
export function useChange<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  options: UseMutationOptions<I, O> = {},
) {
  const queryClient = useQueryClient();
  return useMutation(method, {
    ...options,
    onSuccess: (...result) => {
      for (const schema of [listAuditEntries, countAuditEntries, ...(shownBy.get(method) ?? [])]) {
        const queryKey = createConnectQueryKey({ schema, cardinality: 'finite' });
        void queryClient.invalidateQueries({ queryKey });
      }
      return options.onSuccess?.(...result);
    },
  });
}
