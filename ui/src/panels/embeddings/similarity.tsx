import { memo, useMemo } from 'react';
import { Card } from '../../ui/page';
import { Chip } from './chip';
import { MatrixPicture } from './matrix-picture';
import { MatrixTable } from './matrix-table';
import { closestPair, cosines, type Matrix, type Pair } from './vectors';
import type { Embedded } from './workbench';

/** Up to how many inputs the numbers have room, on a phone too. */
const TABLE_MAX = 8;

interface SimilarityProps {
  embedded: readonly Embedded[];
  /** The inner products of all pairs. */
  products: Matrix;
  /** The pair that is pointed at, by index. */
  pair: Pair | undefined;
  onPair: (pair: Pair | undefined) => void;
}

/** How alike the inputs are, each to each. */
export const Similarity = memo(function Similarity({ embedded, products, pair, onPair }: SimilarityProps) {
  const values = useMemo(() => cosines(products), [products]);
  const closest = useMemo(() => closestPair(values), [values]);
  const read = pair ?? closest;
  const View = embedded.length > TABLE_MAX ? MatrixPicture : MatrixTable;
  return (
    <Card title="Cosine similarity" aside={pair ? 'This pair' : 'The closest pair'}>
      {read && <Reading embedded={embedded} pair={read} value={values[read[0]]![read[1]]!} />}
      <View embedded={embedded} values={values} pair={pair} onPair={onPair} />
    </Card>
  );
});

function Reading({ embedded, pair, value }: { embedded: readonly Embedded[]; pair: Pair; value: number }) {
  return (
    <div role="status" className="mb-3 flex items-center gap-3 rounded-lg bg-hover/70 px-3 py-2">
      <div className="flex min-w-0 flex-1 flex-col gap-1 text-sm">
        {pair.map((index, side) => (
          <span key={side} className="flex items-center gap-2">
            <Chip number={embedded[index]!.number} />
            <span className="truncate text-fg-2">{embedded[index]!.text}</span>
          </span>
        ))}
      </div>
      <span className="font-mono text-lg font-medium tabular-nums">{value.toFixed(4)}</span>
    </div>
  );
}
