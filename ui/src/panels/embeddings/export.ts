import { csv } from '../../ui/csv';
import type { Embedded } from './workbench';

/** The vectors with their inputs and the model, each number as short as single precision allows. */
export function toJson(model: string, embedded: readonly Embedded[]): string {
  const embeddings = embedded.map(({ text, values }) => ({ input: text, values: values.map(shortest) }));
  return `${JSON.stringify({ model, embeddings })}\n`;
}

/** One row for each vector: its input, then its values. */
export function toCsv(embedded: readonly Embedded[]): string {
  const length = embedded[0]?.values.length ?? 0;
  const head = ['input', ...Array.from({ length }, (_, i) => `v${i + 1}`)];
  return csv([head, ...embedded.map(({ text, values }) => [text, ...values.map(shortest)])]);
}

/** A vector as a JSON array. */
export function vectorText(values: readonly number[]): string {
  return JSON.stringify(values.map(shortest));
}

/** The number of the fewest digits that is the same in single precision, which is what vectors come in. */
function shortest(value: number): number {
  for (const digits of [6, 7, 8]) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  return Number(value.toPrecision(9));
}
