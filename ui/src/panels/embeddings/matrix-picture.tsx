import { useMemo, type KeyboardEvent, type PointerEvent } from 'react';
import { Heat } from './heat';
import type { Matrix, Pair } from './vectors';

interface MatrixProps {
  /** Cosines of all pairs. */
  values: Matrix;
  pair: Pair | undefined;
  onPair: (pair: Pair | undefined) => void;
}

const moves: Record<string, Pair> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** The cosines as a picture, for more inputs than there is room for figures. Pointer and arrow keys pick a pair. */
export function MatrixPicture({ values, pair, onPair }: MatrixProps) {
  const n = values.length;
  // The square spreads what is usual, 0.4 to 0.9.
  const shades = useMemo(() => values.flat().map((value) => value * Math.abs(value)), [values]);
  const within = (index: number) => Math.min(n - 1, Math.max(0, index));

  const onPointer = ({ currentTarget, clientX, clientY }: PointerEvent) => {
    const { left, top, width, height } = currentTarget.getBoundingClientRect();
    onPair([
      within(Math.floor(((clientY - top) / height) * n)),
      within(Math.floor(((clientX - left) / width) * n)),
    ]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = moves[event.key];
    if (event.key === 'Escape') onPair(undefined);
    if (!move) return;
    event.preventDefault();
    const [row, column] = pair ?? [0, 0];
    onPair([within(row + move[0]), within(column + move[1])]);
  };

  return (
    <button
      type="button"
      aria-label={`Cosine similarity of ${n} inputs, each to each. Arrow keys pick a pair.`}
      onKeyDown={onKeyDown}
      onPointerDown={onPointer}
      onPointerMove={onPointer}
      onPointerLeave={() => onPair(undefined)}
      onBlur={() => onPair(undefined)}
      className="relative block aspect-square w-full cursor-crosshair! overflow-hidden rounded-lg bg-hover"
    >
      <Heat label="Similar pairs are deeper in colour" values={shades} columns={n} limit={1} />
      {pair && (
        <span
          aria-hidden
          className="pointer-events-none absolute rounded-xs ring-2 ring-fg"
          style={{
            top: `${(pair[0] / n) * 100}%`,
            left: `${(pair[1] / n) * 100}%`,
            width: `${100 / n}%`,
            height: `${100 / n}%`,
          }}
        />
      )}
    </button>
  );
}
