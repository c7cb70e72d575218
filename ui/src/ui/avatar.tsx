import clsx from 'clsx';

const hues = [158, 200, 265, 30, 340, 90, 235, 310];

const sizes = { sm: 'size-7 text-[0.65rem]', lg: 'size-10 text-sm' };

/** A person's initials in a colour of their own. Says nothing to a screen reader: the name stands beside it. */
export function Avatar({ name, size = 'sm' }: { name: string; size?: keyof typeof sizes }) {
  const letters = Array.from(name);
  const hue = hues[letters.reduce((sum, letter) => sum + letter.codePointAt(0)!, 0) % hues.length];
  return (
    <span
      aria-hidden
      className={clsx('tinted grid shrink-0 place-items-center rounded-full font-semibold', sizes[size])}
      style={{ '--hue': hue }}
    >
      {initials(name)}
    </span>
  );
}

/** "Ada Lovelace" → AL, ada@example.com → A. */
function initials(name: string): string {
  const words = name
    .replace(/@.*/, '')
    .split(/[\s._-]+/)
    .filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => Array.from(word)[0]!.toUpperCase())
    .join('');
}
