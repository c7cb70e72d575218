import { memo, useState } from 'react';
import { CopyButton } from '../../ui/copy-button';
import { Dialog } from '../../ui/dialog';
import { vectorText } from './export';
import { Heat } from './heat';
import { VectorDetails } from './vector-details';
import { norm } from './vectors';

interface VectorStripProps {
  /** The input's. */
  number: number;
  values: number[];
}

/** A vector in one line, which opens to its details. */
export const VectorStrip = memo(function VectorStrip({ number, values }: VectorStripProps) {
  const [open, setOpen] = useState(false);
  return (
    <div className="flex items-center gap-2.5 pl-10">
      <button
        type="button"
        aria-label={`Vector ${number}, in full`}
        onClick={() => setOpen(true)}
        className="flex h-control-sm min-w-0 flex-1 items-center rounded-md hover:opacity-80"
      >
        <span className="block h-4 w-full overflow-hidden rounded-md bg-hover">
          <Heat label={`The ${values.length} values as colours`} values={values} columns={values.length} />
        </span>
      </button>
      <span className="font-mono text-xs text-fg-2 tabular-nums">
        <abbr title="Norm: the vector’s Euclidean length" className="no-underline">
          ‖v‖
        </abbr>{' '}
        {norm(values).toFixed(3)}
      </span>
      <CopyButton text={vectorText(values)} label={`Copy vector ${number}`} />
      <Dialog open={open} onClose={() => setOpen(false)} title={`Vector ${number}`}>
        <VectorDetails values={values} />
      </Dialog>
    </div>
  );
});
