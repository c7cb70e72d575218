import { ChevronRight } from 'lucide-react';
import { Heat } from './heat';
import { norm } from './vectors';

interface VectorStripProps {
  /** The input's. */
  number: number;
  values: number[];
  onOpen: () => void;
}

/** A vector in one line, which opens to its details. */
export function VectorStrip({ number, values, onOpen }: VectorStripProps) {
  return (
    <button
      type="button"
      aria-label={`Vector ${number}, norm ${norm(values).toFixed(3)}: open`}
      onClick={onOpen}
      className="group flex h-control-sm w-full items-center gap-2.5 pr-2.5 pl-10 text-fg-2 hover:text-fg"
    >
      <span className="block h-4 min-w-0 flex-1 overflow-hidden rounded-md bg-hover">
        <Heat label={`The ${values.length} values as colours`} values={values} columns={values.length} />
      </span>
      <span className="font-mono text-xs tabular-nums" title="Norm: the vector’s Euclidean length">
        ‖v‖ {norm(values).toFixed(3)}
      </span>
      <ChevronRight className="size-4" aria-hidden />
    </button>
  );
}
