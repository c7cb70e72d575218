import clsx from 'clsx';
import { memo, useMemo } from 'react';
import { Card } from '../../ui/page';
import { Chip, hueOf } from './chip';
import { layLabels, layPoints } from './map-layout';
import { project, type Matrix, type Pair } from './vectors';
import type { Embedded } from './workbench';

/** Up to how many inputs all the points are labelled. */
const LABELLED_MAX = 12;

interface MapProps {
  embedded: readonly Embedded[];
  /** The inner products of all pairs. */
  products: Matrix;
  /** The pair that is pointed at, by index. */
  pair: Pair | undefined;
}

/** The inputs on a plane, those of like meaning near each other. */
export const VectorMap = memo(function VectorMap({ embedded, products, pair }: MapProps) {
  const { places, tops, explained } = useMemo(() => {
    const projection = project(products);
    const points = layPoints(projection.points);
    return {
      places: points,
      tops: points.length > LABELLED_MAX ? points.map(({ top }) => top) : layLabels(points),
      explained: projection.explained,
    };
  }, [products]);
  return (
    <Card
      title="Map"
      aside={
        <abbr
          title="Principal component analysis: the two directions in which the vectors differ most"
          className="no-underline"
        >
          PCA · {percent(explained[0])} + {percent(explained[1])} of the variance
        </abbr>
      }
    >
      <ol
        aria-label="The inputs on a plane"
        className="relative aspect-3/2 w-full overflow-hidden rounded-lg border border-line bg-[linear-gradient(var(--line)_1px,transparent_1px),linear-gradient(90deg,var(--line)_1px,transparent_1px)] bg-size-[1.75rem_1.75rem] bg-center"
      >
        {embedded.map(({ number, text }, i) => {
          const { left, top } = places[i]!;
          const lit = pair?.includes(i) ?? false;
          return (
            <li key={number} title={text} className="group">
              <span
                aria-hidden
                className="absolute w-px bg-fg-3"
                style={{
                  left: `${left * 100}%`,
                  top: `${Math.min(top, tops[i]!) * 100}%`,
                  height: `${Math.abs(top - tops[i]!) * 100}%`,
                }}
              />
              <span
                className="tinted absolute size-3 -translate-1/2 rounded-full"
                style={{ '--hue': hueOf(number), left: `${left * 100}%`, top: `${top * 100}%` }}
              >
                <span className="block size-full rounded-full border-2 border-panel bg-current" />
              </span>
              <span
                className={clsx(
                  'absolute flex max-w-[45%] -translate-y-1/2 items-center gap-1.5 px-2.5',
                  left > 0.5 && '-translate-x-full flex-row-reverse',
                  lit && 'z-10',
                  embedded.length > LABELLED_MAX && !lit && 'opacity-0 group-hover:opacity-100',
                )}
                style={{ left: `${left * 100}%`, top: `${tops[i]! * 100}%` }}
              >
                <Chip number={number} lit={lit} />
                <span className={clsx('truncate text-xs', lit ? 'font-medium text-fg' : 'text-fg-2')}>
                  {text}
                </span>
              </span>
            </li>
          );
        })}
      </ol>
    </Card>
  );
});

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
