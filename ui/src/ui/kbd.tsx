const mac = /mac|iphone|ipad/i.test(navigator.userAgent);

const names: Record<string, string> = {
  mod: mac ? '⌘' : 'Ctrl',
  shift: mac ? '⇧' : 'Shift',
  escape: 'Esc',
  arrowup: '↑',
  enter: 'Enter',
};

/** Keys in the spelling of useShortcuts: "mod+k" together, "g c" one after the other. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className="inline-flex shrink-0 gap-1">
      {keys.split(/[ +]/).map((key) => (
        <kbd
          key={key}
          className="min-w-4.5 rounded border border-line-strong bg-bg px-1 text-center font-sans text-[0.6875rem] font-medium text-fg-3"
        >
          {names[key] ?? key.toUpperCase()}
        </kbd>
      ))}
    </span>
  );
}
