import type { DescMessage, DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf';
import type { Transport } from '@connectrpc/connect';
import { createQueryOptions } from '@connectrpc/connect-query';
import type { QueryClient } from '@tanstack/react-query';
import type { User } from '../gen/paddock/v1/users_pb';
import { mayCall } from './access';

/** Fetches what a panel is about to ask for, unless the user may not. What goes wrong shows when the panel asks. */
export type Prefetch = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
) => void;

export function prefetchFor(user: User, queryClient: QueryClient, transport: Transport): Prefetch {
  return (method, input) => {
    if (!mayCall(user, method)) return;
    void queryClient.prefetchQuery(createQueryOptions(method, input, { transport }));
  };
}
