import { useEffect, useRef, useSyncExternalStore } from 'react';

/** A key, "mod+k" with ⌘ or Ctrl, or two one after the other, "g c". Names as in KeyboardEvent.key, lower case. */
export type Shortcuts = Record<string, () => void>;

/** How long the second key of two may take, in milliseconds. */
const PATIENCE = 1200;

/** Says that keys without ⌘ or Ctrl do nothing (WCAG 2.1.4: who speaks to a computer sets them off by accident). */
const KEY = 'paddock.shortcuts';

/** Whether single keys do something, and the way to change that. */
export function useSingleKeys(): [boolean, (on: boolean) => void] {
  return [useSyncExternalStore(subscribe, areSingleKeysOn), switchSingleKeys];
}

/**
 * Listens on the whole page. Plain keys are left alone where one types and while something modal is open; all are while a
 * question or a secret must not be passed over.
 */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    let before = { key: '', at: 0 };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      if (event.altKey || event.getModifierState('AltGraph')) return; // they type other characters
      if (document.querySelector('[role=alertdialog]')) return;
      const chord = spell(event);
      if (chord.length === 1 && !areSingleKeysOn()) return;
      if (!chord.startsWith('mod+') && isBusy(event.target)) return;
      const pair = event.timeStamp - before.at < PATIENCE ? `${before.key} ${chord}` : '';
      before = { key: chord, at: event.timeStamp };
      const run = latest.current[pair] ?? latest.current[chord];
      if (!run) return;
      event.preventDefault();
      run();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
}

function areSingleKeysOn(): boolean {
  return localStorage.getItem(KEY) !== 'off';
}

function switchSingleKeys(on: boolean): void {
  if (on) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, 'off');
  dispatchEvent(new StorageEvent('storage', { key: KEY })); // browsers tell other tabs only
}

function subscribe(listener: () => void): () => void {
  addEventListener('storage', listener);
  return () => removeEventListener('storage', listener);
}

function spell(event: KeyboardEvent): string {
  const key = event.key.toLowerCase();
  if (!event.metaKey && !event.ctrlKey) return key;
  return event.shiftKey ? `mod+shift+${key}` : `mod+${key}`;
}

function isBusy(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    target.closest('input, textarea, select, [role=dialog], [role=menu], [role=listbox]') !== null
  );
}
