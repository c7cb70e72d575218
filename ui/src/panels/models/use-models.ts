import { useQuery } from '@connectrpc/connect-query';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';

/** What a model is to be used for, as Ollama names it. */
export type Capability = 'completion' | 'embedding';

/** The models for a use. Ollama does not tell the capabilities of every model; those are given the benefit of the doubt. */
export function useModels(capability: Capability) {
  return useQuery(
    OllamaService.method.listModels,
    {},
    {
      staleTime: 60_000,
      select: ({ models }) =>
        models.filter(({ capabilities }) => capabilities.length === 0 || capabilities.includes(capability)),
    },
  );
}
