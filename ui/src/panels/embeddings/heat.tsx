import { useMemo } from 'react';
import { norm } from './vectors';

/** How many shades there are of either sign; more cannot be told apart. */
const SHADES = 12;

interface HeatProps {
  /** What is shown, for who cannot see it. */
  label: string;
  /** Row by row. */
  values: readonly number[];
  columns: number;
  /** From which value on the shade is the deepest; when absent, twice the root mean square. */
  limit?: number;
}

/** A picture of numbers: one colour above zero, another below, the deeper the farther away. As large as its place. */
export function Heat({ label, values, columns, limit }: HeatProps) {
  const shades = useMemo(() => shadesOf(values, columns, limit), [values, columns, limit]);
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${columns} ${Math.ceil(values.length / columns)}`}
      preserveAspectRatio="none"
      shapeRendering={columns > 128 ? undefined : 'crispEdges'}
      className="block size-full"
    >
      {shades.map(({ shade, path }) => (
        <path
          key={shade}
          d={path}
          className={shade > 0 ? 'fill-accent' : 'fill-warn'}
          opacity={Math.abs(shade) / SHADES}
        />
      ))}
    </svg>
  );
}

/** One path for all cells of a shade. */
function shadesOf(values: readonly number[], columns: number, limit?: number) {
  const deepest = limit ?? 2 * (norm(values) / Math.sqrt(values.length));
  const paths = new Map<number, string[]>();
  for (const [i, value] of values.entries()) {
    const share = Math.min(1, Math.max(-1, value / deepest)) || 0;
    const shade = Math.round(share * SHADES);
    if (shade === 0) continue;
    const cell = `M${i % columns} ${Math.floor(i / columns)}h1v1h-1z`;
    const cells = paths.get(shade);
    if (cells) cells.push(cell);
    else paths.set(shade, [cell]);
  }
  return [...paths].map(([shade, cells]) => ({ shade, path: cells.join('') }));
}
