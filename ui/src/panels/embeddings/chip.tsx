import clsx from 'clsx';

/** The golden angle: neighbours get colours far apart, however many there are. */
const TURN = 137.5;

/** The colour of an input, in degrees. */
export function hueOf(number: number): number {
  return Math.round((150 + number * TURN) % 360);
}

/** An input's number in a colour of its own, by which it is known in the list, the matrix and on the map. */
export function Chip({ number, lit }: { number: number; lit?: boolean }) {
  return (
    <span
      className={clsx(
        'tinted grid h-5 min-w-5 shrink-0 place-items-center rounded-full px-1 text-[0.6875rem] font-semibold tabular-nums transition-shadow',
        lit && 'ring-2 ring-accent-text',
      )}
      style={{ '--hue': hueOf(number) }}
    >
      {number}
    </span>
  );
}
