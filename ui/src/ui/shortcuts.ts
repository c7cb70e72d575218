import { useEffect, useRef } from 'react';

/** A key, "mod+k" with ⌘ or Ctrl, or two one after the other, "g c". Names as in KeyboardEvent.key, lower case. */
export type Shortcuts = Record<string, () => void>;

/** How long the second key of two may take, in milliseconds. */
const PATIENCE = 1200;

/** Listens on the whole page. Plain keys are left alone where one types and while something modal is open. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    let before = { key: '', at: 0 };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const chord = spell(event);
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
