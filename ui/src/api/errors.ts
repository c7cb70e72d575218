import { Code, ConnectError } from '@connectrpc/connect';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What went wrong with a call, in the terms of a page. */
export interface Fault {
  /** A reason of the contract, such as EMAIL_TAKEN; empty when the server never answered. */
  reason: string;
  /** A sentence to show. */
  message: string;
  /** What is wrong with single fields, by the field's name in the generated types: displayName, options.numPredict. */
  fields: Record<string, string>;
  /** Seconds after which another try makes sense, when the server says so. */
  retryAfter: number | undefined;
}

/** Reads what a call threw. */
export function faultOf(thrown: unknown): Fault {
  const error = ConnectError.from(thrown);
  const retryDelay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const fields: Record<string, string> = {};
  for (const { field, description } of error
    .findDetails(BadRequestSchema)
    .flatMap((b) => b.fieldViolations)) {
    fields[localName(field)] ??= sentence(description);
  }
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason ?? '';
  return {
    reason,
    message: messageOf(error, reason),
    fields,
    retryAfter: retryDelay && Math.ceil(durationMs(retryDelay) / 1000),
  };
}

function messageOf(error: ConnectError, reason: string): string {
  if (isUnreachable(error)) return 'Paddock cannot be reached. Check your connection.';
  if (reason === 'UNAUTHENTICATED')
    return 'Your session, or your right to do this, ended meanwhile. Sign in again; if that is refused, ask an admin.';
  return sentence(error.rawMessage);
}

/** What to say of a fault, and until when to wait. */
export interface Refusal {
  message: string;
  reason?: string;
  /** When another try makes sense, in milliseconds since 1970, when the server says so. */
  retryAt?: number;
}

const refusals = new WeakMap<object, Refusal>();

/** The same for the same error, however often it is asked: the wait does not begin anew. */
export function refusalOf(thrown: unknown): Refusal {
  const known = isObject(thrown) && refusals.get(thrown);
  if (known) return known;
  const { message, reason, retryAfter } = faultOf(thrown);
  const refusal = { message, reason, retryAt: retryAfter && Date.now() + retryAfter * 1000 };
  if (isObject(thrown)) refusals.set(thrown, refusal);
  return refusal;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The sentence to show, with how long there is to wait at a time. */
export function wordsOf({ message, reason, retryAt }: Refusal, now = Date.now()): string {
  if (!retryAt) return message;
  const isQuota = reason === 'QUOTA_EXCEEDED';
  const what = message.replace(isQuota ? /; the quota will reset.*/ : /; try again.*/, '.');
  const left = Math.ceil((retryAt - now) / 1000);
  if (left <= 0) return `${what} You can try again now.`;
  return `${what} ${isQuota ? 'It resets' : 'Try again'} in ${seconds(left)}.`;
}

/** Whether a later try of the same call may go well. */
export function isPassing(thrown: unknown): boolean {
  const error = ConnectError.from(thrown);
  return isUnreachable(error) || error.code === Code.Unavailable || error.code === Code.ResourceExhausted;
}

/** "5 s", "1 min 5 s", "5 h 12 min", "9 days". */
export function seconds(n: number): string {
  if (n < MINUTE) return `${n} s`;
  if (n < HOUR) return `${Math.floor(n / MINUTE)} min ${n % MINUTE} s`;
  if (n < 2 * DAY) return `${Math.floor(n / HOUR)} h ${Math.floor((n % HOUR) / MINUTE)} min`;
  return `${Math.floor(n / DAY)} days`;
}

/** fetch throws a TypeError when no answer came. */
function isUnreachable(error: ConnectError): boolean {
  return error.cause instanceof TypeError;
}

/** display_name → displayName, as protobuf does it. */
function localName(field: string): string {
  return field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function sentence(words: string): string {
  const capital = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
