import { Waypoints } from 'lucide-react';
import { useMemo } from 'react';
import { Button } from '../../ui/button';
import { EmptyState } from '../../ui/empty-state';
import { Card } from '../../ui/page';
import { Skeleton } from '../../ui/skeleton';
import { VectorMap } from './map';
import { Similarity } from './similarity';
import { VectorDetails } from './vector-details';
import { gram, type Pair } from './vectors';
import type { Embedded } from './workbench';

const example = [
  'The cat sat on the mat.',
  'A kitten rested on a rug.',
  'Rotate your API keys every quarter.',
  'Secrets should not live long.',
  'Bake at 180 °C for 25 minutes.',
  'Whisk eggs, flour and sugar.',
];

interface FindingsProps {
  embedded: readonly Embedded[];
  /** Vectors are on their way. */
  waiting: boolean;
  /** The pair that is pointed at, by index. */
  pair: Pair | undefined;
  onPair: (pair: Pair | undefined) => void;
  onExample: (inputs: string[]) => void;
}

/** What the vectors tell: one by itself, several by how they lie to each other. */
export function Findings({ embedded, waiting, pair, onPair, onExample }: FindingsProps) {
  const products = useMemo(() => gram(embedded.map(({ values }) => values)), [embedded]);
  const [first, second] = embedded;
  if (!first) {
    return (
      <Card>
        {waiting ? (
          <Skeleton lines={8} />
        ) : (
          <EmptyState
            icon={<Waypoints />}
            title="What lies close means much the same"
            action={<Button onClick={() => onExample(example)}>Try an example</Button>}
          >
            Write a text and generate its vector. With two or more, you see how alike they are, and a map of
            them.
          </EmptyState>
        )}
      </Card>
    );
  }
  if (!second) {
    return (
      <Card title={`Vector ${first.number}`} aside="Add an input to compare it with">
        <VectorDetails values={first.values} />
      </Card>
    );
  }
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <Similarity embedded={embedded} products={products} pair={pair} onPair={onPair} />
      <VectorMap embedded={embedded} products={products} pair={pair} />
    </div>
  );
}
