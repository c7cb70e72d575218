import { expect, test } from 'vitest';
import { bucketsOf, namesOf } from './buckets';

const HOUR = 3_600_000;
const noon = new Date(2026, 10, 22, 12, 34, 56).getTime();

test.each([60_000, HOUR, 24 * HOUR, 7 * 24 * HOUR, 28 * 24 * HOUR, 3 * 365 * 24 * HOUR])(
  'over %d ms there are at most 48 stretches, with names of their own, and none of the items is lost',
  (span) => {
    const times = Array.from({ length: 100 }, (_, i) => noon - (span * i) / 100);
    const buckets = bucketsOf(times, (time) => time, noon - span, noon);
    const names = namesOf(buckets.map(({ start }) => start));
    expect(buckets.length).toBeLessThanOrEqual(49);
    expect(new Set(names).size).toBe(buckets.length);
    expect(buckets.flatMap(({ items }) => items)).toHaveLength(100);
  },
);

test('stretches begin on round times, and hold what happened in them', () => {
  const start = new Date(2026, 10, 22, 11, 0).getTime();
  const buckets = bucketsOf([start, start + HOUR - 1, noon], (time) => time, noon - 24 * HOUR, noon);
  expect(buckets.find((bucket) => bucket.start === start)?.items).toEqual([start, start + HOUR - 1]);
});
