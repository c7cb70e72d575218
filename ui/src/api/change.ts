import type { DescMessage, DescMethodUnary } from '@bufbuild/protobuf';
import { useMutation, type UseMutationOptions } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';

/**
 * A call that changes something. What is on the screen is then asked for anew, whatever it is: one change shows in the
 * list, in the details and in the audit trail.
 */
export function useChange<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  options: UseMutationOptions<I, O> = {},
) {
  const queryClient = useQueryClient();
  return useMutation(method, {
    ...options,
    onSuccess: (...result) => {
      void queryClient.invalidateQueries();
      return options.onSuccess?.(...result);
    },
  });
}
