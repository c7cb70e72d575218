import { CopyButton } from '../../ui/copy-button';
import { vectorText } from './export';
import { Heat } from './heat';
import { norm } from './vectors';

/** A vector as a picture, in figures, and in full. */
export function VectorDetails({ values }: { values: number[] }) {
  const figures = {
    Length: values.length.toLocaleString(),
    Norm: norm(values).toFixed(4),
    Least: values.reduce((least, value) => Math.min(least, value), Infinity).toFixed(4),
    Greatest: values.reduce((most, value) => Math.max(most, value), -Infinity).toFixed(4),
  };
  const columns = Math.ceil(Math.sqrt(values.length * 2));
  return (
    <div className="flex flex-col gap-4">
      <figure>
        <div className="aspect-2/1 overflow-hidden rounded-lg bg-hover">
          <Heat
            label={`The ${values.length} values as colours, row by row`}
            values={values}
            columns={columns}
          />
        </div>
        <figcaption className="mt-2 flex items-center justify-between gap-3 text-xs text-fg-2">
          <span className="inline-flex items-center gap-1.5">
            <span className="size-2 rounded-full bg-warn" aria-hidden /> below zero
          </span>
          <span className="hidden sm:inline">the deeper, the farther from zero</span>
          <span className="inline-flex items-center gap-1.5">
            <span className="size-2 rounded-full bg-accent" aria-hidden /> above zero
          </span>
        </figcaption>
      </figure>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        {Object.entries(figures).map(([name, figure]) => (
          <div key={name}>
            <dt className="text-xs text-fg-2">{name}</dt>
            <dd className="font-mono font-medium tabular-nums">{figure}</dd>
          </div>
        ))}
      </dl>
      <code
        tabIndex={0}
        aria-label="All values"
        className="block max-h-28 overflow-y-auto rounded-lg bg-hover px-3 py-2 font-mono text-xs leading-relaxed text-fg-2 wrap-anywhere"
      >
        {values.map((value) => value.toFixed(5)).join(', ')}
      </code>
      <div>
        <CopyButton text={vectorText(values)} label="Copy as JSON" wide />
      </div>
    </div>
  );
}
