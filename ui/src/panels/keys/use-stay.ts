import { useBlocker } from '@tanstack/react-router';
import { toast } from '../../ui/toast';

/** Keeps the page where it is while a key is being made: its secret is shown once, and here. */
export function useStayWhile(pending: boolean): void {
  useBlocker({
    shouldBlockFn: () => {
      if (pending) toast.failed('Wait a moment: the new key is shown once, and here.');
      return pending;
    },
    enableBeforeUnload: pending,
  });
}
