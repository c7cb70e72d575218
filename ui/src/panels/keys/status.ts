import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Credential } from '../../gen/paddock/v1/credentials_pb';
import type { Tone } from '../../ui/badge';

const DAY = 86_400_000;

/** How long before its end a key is said to be near it, in milliseconds. */
const NEAR = 14 * DAY;

export interface KeyStatus {
  word: string;
  tone: Tone;
  /** Whether calls with the key still work. */
  live: boolean;
}

export function statusOf({ revokedAt, expiresAt }: Credential, now = Date.now()): KeyStatus {
  if (revokedAt) return { word: 'Revoked', tone: 'neutral', live: false };
  const left = expiresAt ? timestampDate(expiresAt).getTime() - now : Infinity;
  if (left <= 0) return { word: 'Expired', tone: 'neutral', live: false };
  if (left <= NEAR) return { word: 'Expires soon', tone: 'warn', live: true };
  return { word: 'Active', tone: 'ok', live: true };
}
