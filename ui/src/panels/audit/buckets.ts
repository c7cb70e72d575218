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

/** Equal stretches between two times, in milliseconds since 1970. */
export interface Stretches {
  /** Round times of this time zone, at which the stretches begin; the first may be before the first bound. */
  starts: number[];
  /** Where the stretches begin that lie between the two times, and last where the last one ends. */
  bounds: number[];
}

/** Divides the time between two times, the second exclusive, into 49 stretches at most. */
export function stretchesOf(from: number, to: number): Stretches {
  const step = steps.find((one) => (to - from) / one < MOST) ?? (to - from) / MOST;
  const starts: number[] = [];
  for (let start = roundDown(from, step); start < to; start = after(start, step)) starts.push(start);
  return { starts, bounds: [from, ...starts.slice(1), to] };
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
