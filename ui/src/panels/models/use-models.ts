import { useQuery } from '@connectrpc/connect-query';
import { useRouteContext } from '@tanstack/react-router';
import { mayCall } from '../../api/access';
import { type Model, OllamaService } from '../../gen/paddock/v1/ollama_pb';

/** What a model is to be used for, as Ollama names it. */
export type Capability = 'completion' | 'embedding';

/** The models for a use. */
export function useModels(capability: Capability, options: { refetchOnMount?: 'always' } = {}) {
  return useQuery(
    OllamaService.method.listModels,
    {},
    {
      select: ({ models }) => models.filter((model) => serves(model, capability)),
      ...options,
    },
  );
}

/** The models that one may use oneself, whatever for; none for who may not ask. */
export function useAllowedModels() {
  const { user } = useRouteContext({ from: '/shell' });
  const { listModels } = OllamaService.method;
  return useQuery(listModels, {}, { enabled: mayCall(user, listModels), select: ({ models }) => models });
}

/** Whether the model is for that use; one that does not tell its capabilities may be. */
export function serves({ capabilities }: Model, capability: Capability): boolean {
  return capabilities.length === 0 || capabilities.includes(capability);
}
