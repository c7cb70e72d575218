import { faultOf } from '../../api/errors';

/** An allow-list of models by name; undefined allows all, an empty one none. */
export type Allowed = string[] | undefined;

/** "All models", "No model", "llama3.2:latest", "3 models". */
export function wordsFor(allowed: Allowed): string {
  if (!allowed) return 'All models';
  if (allowed.length === 0) return 'No model';
  return allowed.length === 1 ? allowed[0]! : `${allowed.length} models`;
}

/** As the server takes it, which reads an absent one as all. */
export function listOf(allowed: Allowed): { names: string[] } | undefined {
  return allowed && { names: allowed };
}

/** What the server finds wrong with the list, if it is that. Violations name its entries by their place: models.names[2]. */
export function faultIn(allowed: Allowed, thrown: unknown): string | undefined {
  const { fields } = faultOf(thrown);
  for (const [field, words] of Object.entries(fields)) {
    const [, index] = /^models\.names\[(\d+)\]$/.exec(field) ?? [];
    if (index !== undefined) return `${allowed?.[Number(index)]}: ${words}`;
  }
  return fields.models;
}
