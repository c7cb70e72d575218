import { type Refusal, refusalOf, wordsOf } from '../api/errors';
import { useNow } from './use-now';

/** What went wrong, with how long there is to wait: it counts down, without being read out each time. */
export function Words({ of }: { of: Refusal }) {
  const now = useNow(of.retryAt);
  if (!of.retryAt) return <>{of.message}</>;
  return <span aria-live="off">{wordsOf(of, now)}</span>;
}

/** The same of what a call threw. */
export function ErrorWords({ error }: { error: unknown }) {
  return <Words of={refusalOf(error)} />;
}
