import { useQuery } from '@connectrpc/connect-query';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';

/** The models that can chat. Ollama does not tell the capabilities of every model; those are given the benefit of the doubt. */
export function useChatModels() {
  return useQuery(
    OllamaService.method.listModels,
    {},
    {
      staleTime: 60_000,
      select: ({ models }) =>
        models.filter(({ capabilities }) => capabilities.length === 0 || capabilities.includes('completion')),
    },
  );
}
