import { useSyncExternalStore } from 'react';

/** How the page looks; /theme.js applies it, before the first paint and when another tab changes it. */
export type Theme = 'system' | 'light' | 'dark';

const KEY = 'paddock.theme';

export function useTheme(): [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(subscribe, current), choose];
}

function current(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

function choose(theme: Theme): void {
  if (theme === 'system') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  dispatchEvent(new StorageEvent('storage', { key: KEY })); // browsers tell other tabs only
}

function subscribe(listener: () => void): () => void {
  addEventListener('storage', listener);
  return () => removeEventListener('storage', listener);
}
