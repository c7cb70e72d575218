import { Chip } from './chip';
import type { Matrix, Pair } from './vectors';
import type { Embedded } from './workbench';

interface MatrixProps {
  embedded: readonly Embedded[];
  /** Cosines of all pairs. */
  values: Matrix;
  pair: Pair | undefined;
  onPair: (pair: Pair | undefined) => void;
}

/** The cosines in figures, the higher the deeper in colour. */
export function MatrixTable({ embedded, values, pair, onPair }: MatrixProps) {
  return (
    <table
      aria-label="Cosine similarity of each input to each"
      className="w-full table-fixed border-separate border-spacing-0.5 sm:border-spacing-1"
      onPointerLeave={() => onPair(undefined)}
    >
      <thead>
        <tr>
          <td className="w-7" />
          {embedded.map((input, i) => (
            <th key={input.number} scope="col" className="pb-0.5 font-normal">
              <span className="inline-grid align-middle">
                <Chip number={input.number} lit={pair?.includes(i)} />
              </span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {embedded.map((input, i) => (
          <tr key={input.number}>
            <th scope="row" className="text-left font-normal">
              <span className="inline-grid align-middle">
                <Chip number={input.number} lit={pair?.includes(i)} />
              </span>
            </th>
            {values[i]!.map((value, j) => (
              <td
                key={embedded[j]!.number}
                onPointerEnter={() => onPair(i === j ? undefined : [i, j])}
                className="h-8 rounded-md text-center font-mono text-xs tabular-nums"
                style={{ background: shade(value) }}
              >
                {value.toFixed(2)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Never so deep that the figure on it could not be read (4.5:1). The square spreads what is usual, 0.4 to 0.9. */
function shade(value: number): string {
  const share = Math.round(70 * value * value);
  return `color-mix(in oklab, var(${value < 0 ? '--warn' : '--accent'}) ${share}%, var(--hover))`;
}
