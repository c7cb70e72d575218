import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { UsageRow } from '../../gen/paddock/v1/usage_pb';

const DAY = 86_400_000;

/** How many days of usage are shown; today is the last. */
export const DAYS = 30;

/** The days that are shown, UTC, "2026-11-22", the oldest first. */
export function lastDays(now = Date.now()): string[] {
  return Array.from({ length: DAYS }, (_, i) =>
    new Date(now - (DAYS - 1 - i) * DAY).toISOString().slice(0, 10),
  );
}

/** When the first of the days began. */
export function beginningOf(days: string[]): Timestamp {
  return timestampFromDate(new Date(`${days[0]}T00:00:00Z`));
}

export interface DayUsage {
  day: string;
  requests: number;
  prompt: number;
  completion: number;
}

/** The usage of each of the days, those without any included. */
export function byDay(days: string[], rows: UsageRow[]): DayUsage[] {
  const rowOf = new Map(rows.map((row) => [row.day, row]));
  return days.map((day) => {
    const row = rowOf.get(day);
    return {
      day,
      requests: Number(row?.requests ?? 0),
      prompt: Number(row?.promptTokens ?? 0),
      completion: Number(row?.completionTokens ?? 0),
    };
  });
}

export function tokensOf({ promptTokens, completionTokens }: UsageRow): bigint {
  return promptTokens + completionTokens;
}

/** The rows, those that cost most first. */
export function costliest(rows: UsageRow[]): UsageRow[] {
  return rows.toSorted((a, b) => Number(tokensOf(b) - tokensOf(a) || b.requests - a.requests));
}

const short = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' });

/** "Nov 22". */
export function nameOf(day: string): string {
  return short.format(new Date(day));
}
