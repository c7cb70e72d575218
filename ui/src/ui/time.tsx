import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A time as a person would say it, with the exact one on hover. Absent: the words for that, such as "never". */
export function Time({
  at,
  absent = '—',
  exactly,
}: {
  at: Timestamp | undefined;
  absent?: string;
  exactly?: boolean;
}) {
  if (!at) return <span className="text-fg-3">{absent}</span>;
  const date = timestampDate(at);
  return (
    <time dateTime={date.toISOString()} title={exact.format(date)}>
      {exactly ? exact.format(date) : ago(date)}
    </time>
  );
}

/** "5 minutes ago", "in 3 days"; beyond a month the date. */
export function ago(date: Date, now = new Date()): string {
  const seconds = (date.getTime() - now.getTime()) / 1000;
  if (Math.abs(seconds) > 30 * 86_400) return day.format(date);
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return 'just now';
}
