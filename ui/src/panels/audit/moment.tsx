import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** A time to the second, on a phone in two lines. The year stands there when it is not this one; UTC on hover. */
export function Moment({ at }: { at: Timestamp | undefined }) {
  if (!at) return null;
  const date = timestampDate(at);
  return (
    <time
      dateTime={date.toISOString()}
      title={date.toISOString()}
      className="flex flex-col whitespace-nowrap md:flex-row md:gap-2"
    >
      <span>{dayOf(date)}</span>
      <span>{clock.format(date)}</span>
    </time>
  );
}

function dayOf(date: Date): string {
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  return (isThisYear ? day : dayOfYear).format(date);
}
