import { useRouteContext } from '@tanstack/react-router';
import { useState } from 'react';
import type { Session } from '../../api/session';

/** What is typed and not saved, by user and form. In memory alone, and nobody else's. */
const drafts = new WeakMap<Session, Map<string, unknown>>();

/** State of a form that outlives the page: when the session ends amid it, it is there after signing in again. */
export function useDraft<T>(form: string, empty: T): [T, (draft: T) => void] {
  const { session, user } = useRouteContext({ from: '/shell' });
  const kept = drafts.get(session) ?? new Map<string, unknown>();
  drafts.set(session, kept);
  const key = `${user.id} ${form}`;
  const [draft, setDraft] = useState(() => (kept.has(key) ? (kept.get(key) as T) : empty));
  const change = (changed: T) => {
    kept.set(key, changed);
    setDraft(changed);
  };
  return [draft, change];
}
