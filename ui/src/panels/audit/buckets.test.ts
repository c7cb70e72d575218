import { expect, test } from 'vitest';
import { namesOf, stretchesOf } from './buckets';

const HOUR = 3_600_000;
const noon = new Date(2026, 10, 22, 12, 34, 56).getTime();

test.each([
  1,
  60_000,
  HOUR,
  24 * HOUR,
  7 * 24 * HOUR,
  28 * 24 * HOUR,
  3 * 365 * 24 * HOUR,
  30 * 365 * 24 * HOUR,
])('%d ms are divided into at most 49 stretches, with names of their own, from end to end', (span) => {
  const { starts, bounds } = stretchesOf(noon - span, noon);
  expect(starts.length).toBeLessThanOrEqual(49);
  expect(new Set(namesOf(starts)).size).toBe(starts.length);
  expect(bounds).toHaveLength(starts.length + 1);
  expect([bounds[0], bounds.at(-1)]).toEqual([noon - span, noon]);
  expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
  expect(new Set(bounds).size).toBe(bounds.length);
});

test('stretches begin on round times', () => {
  const { starts, bounds } = stretchesOf(noon - 24 * HOUR, noon);
  expect(starts[1]).toBe(new Date(2026, 10, 21, 13, 0).getTime());
  expect(bounds[1]).toBe(starts[1]);
});
