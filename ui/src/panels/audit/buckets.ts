/** A stretch of time from start on, in milliseconds since 1970, and the times that fell into it. */
export interface Bucket<T> {
  start: number;
  items: T[];
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MOST = 48;

const seconds = [5, 15, 30];
const minutes = [1, 5, 15, 30];
const hours = [1, 3, 6, 12];
const days = [1, 7, 28];
const steps = [
  seconds.map((n) => n * 1000),
  minutes.map((n) => n * MINUTE),
  hours.map((n) => n * HOUR),
  days.map((n) => n * DAY),
].flat();

/** Sorts items into equal stretches between two times, 48 at most, that begin on round times of this time zone. */
export function bucketsOf<T>(items: T[], timeOf: (item: T) => number, from: number, to: number): Bucket<T>[] {
  const step = steps.find((one) => (to - from) / one < MOST) ?? (to - from) / MOST;
  const buckets: Bucket<T>[] = [];
  for (let start = roundDown(from, step); start <= to; start = after(start, step)) {
    buckets.push({ start, items: [] });
  }
  for (const item of items) {
    const time = timeOf(item);
    buckets.findLast((bucket) => bucket.start <= time)?.items.push(item);
  }
  return buckets;
}

/** What to call stretches that begin at such times, each differently. */
export function namesOf(starts: number[]): string[] {
  const span = starts.at(-1)! - starts[0]!;
  const step = (starts[1] ?? starts[0]! + HOUR) - starts[0]!;
  const format = new Intl.DateTimeFormat(undefined, {
    ...(span >= 6 * DAY && { month: 'short', day: 'numeric' }),
    ...(span < 6 * DAY && span >= DAY / 2 && { weekday: 'short' }),
    ...(step < DAY && { hour: 'numeric', minute: '2-digit' }),
    ...(step < MINUTE && { second: '2-digit' }),
    ...(span >= 300 * DAY && { year: '2-digit' }),
  });
  return starts.map((start) => format.format(start));
}

function roundDown(time: number, step: number): number {
  const midnight = new Date(time).setHours(0, 0, 0, 0);
  return step < DAY ? midnight + Math.floor((time - midnight) / step) * step : midnight;
}

// Not every day is 24 hours long.
function after(start: number, step: number): number {
  if (step < DAY) return start + step;
  const date = new Date(start);
  return date.setDate(date.getDate() + Math.round(step / DAY));
}
