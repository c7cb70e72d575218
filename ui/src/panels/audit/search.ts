import { timestampFromDate } from '@bufbuild/protobuf/wkt';

/** What of the audit log is looked at, as the address says it. */
export interface AuditSearch {
  /** Entries a page, 1 to 500; 100 when absent. */
  limit?: number;
  /** Part of the event type. */
  event?: string;
  /** Id of the user who did it or to whom it was done. */
  user?: string;
  outcome?: Outcome;
  window?: Window;
  /** ISO times that bound a window of one's own. */
  from?: string;
  to?: string;
  /** Asks again every few seconds. */
  live?: true;
  /** An older page: its number, from 2 on, and the token that leads to it. */
  page?: number;
  after?: string;
  /** The ISO time by which the window of the first page was reckoned; those after it must have the same. */
  at?: string;
}

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 500;

export const outcomes = ['success', 'failure', 'denied'] as const;
export type Outcome = (typeof outcomes)[number];

const HOUR = 3_600_000;

/** How long the windows that end now are, in milliseconds. */
export const windows = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR, month: 28 * 24 * HOUR };
export type Window = keyof typeof windows | 'custom';

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isId(text: string): boolean {
  return uuid.test(text);
}

/** Reads it; what makes no sense is left out. */
export function auditSearch(search: Record<string, unknown>): AuditSearch {
  const limit = Number(search.limit);
  const from = parseTime(search.from);
  const to = parseTime(search.to);
  const window = [...Object.keys(windows), 'custom'].find((one) => one === search.window);
  return {
    limit: limit >= 1 && limit <= MAX_LIMIT && limit !== DEFAULT_LIMIT ? Math.floor(limit) : undefined,
    event: parseText(search.event),
    user: typeof search.user === 'string' && isId(search.user) ? search.user : undefined,
    outcome: outcomes.find((outcome) => outcome === search.outcome),
    window: from || to ? 'custom' : (window as Window | undefined),
    from,
    to,
    live: search.live === true || undefined,
    ...(Number(search.page) > 1 && {
      page: Math.floor(Number(search.page)),
      after: parseText(search.after),
      at: parseTime(search.at),
    }),
  };
}

/** The time from which entries are asked for: the window's start, when its end is at now. */
export function startOf(search: AuditSearch, now: Date): Date | undefined {
  if (search.from) return new Date(search.from);
  if (!search.window || search.window === 'custom') return undefined;
  const end = search.at ? new Date(search.at) : now;
  return new Date(end.getTime() - windows[search.window]);
}

/** Whether what is asked for is another with every moment. */
export function isMoving({ from, window, at }: AuditSearch): boolean {
  return !from && !at && window !== undefined && window !== 'custom';
}

/** What the entries that it asks for have in common, beside their time. */
export function filtersOf({ event, user, outcome }: AuditSearch) {
  return { eventType: event, userId: user, outcome };
}

/** The page of entries that it asks the server for. */
export function entriesAsked(search: AuditSearch, start = startOf(search, new Date())) {
  const { limit = DEFAULT_LIMIT, to, after } = search;
  return {
    ...filtersOf(search),
    pageSize: limit,
    pageToken: after,
    occurredAfter: start && timestampFromDate(start),
    occurredBefore: to ? timestampFromDate(new Date(to)) : undefined,
  };
}

/** What the overview asks for. */
export const recentEvents = { pageSize: 8 };

/** How many filters limit what is shown. */
export function filtersIn({ event, user, outcome, window }: AuditSearch): number {
  return [event, user, outcome, window].filter(Boolean).length;
}

// The router reads a text of digits as a number.
function parseText(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) || undefined : undefined;
}

function parseTime(value: unknown): string | undefined {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : undefined;
}
