import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { AuditEntry } from '../../gen/paddock/v1/audit_pb';

/** When it happened, in milliseconds since 1970. */
export function timeOf(entry: AuditEntry): number {
  return entry.occurredAt ? timestampDate(entry.occurredAt).getTime() : 0;
}

/** "1 entry", "1,204 entries". */
export function countOf(entries: number): string {
  return `${entries.toLocaleString()} ${entries === 1 ? 'entry' : 'entries'}`;
}
