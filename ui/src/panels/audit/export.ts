import { create, toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type AuditEntry, ListAuditEntriesResponseSchema } from '../../gen/paddock/v1/audit_pb';
import { csv } from '../../ui/csv';

/** Column names of the CSV, which are those of the API, and what stands in them. */
const columns: [string, (entry: AuditEntry) => string][] = [
  ['occurred_at', ({ occurredAt }) => (occurredAt ? timestampDate(occurredAt).toISOString() : '')],
  ['event_type', (entry) => entry.eventType],
  ['outcome', (entry) => entry.outcome],
  ['actor_email', (entry) => entry.actorEmail],
  ['ip', (entry) => entry.ip],
  ['user_agent', (entry) => entry.userAgent],
  ['detail', (entry) => entry.detail],
  ['actor_user_id', (entry) => entry.actorUserId],
  ['target_user_id', (entry) => entry.targetUserId],
  ['credential_id', (entry) => entry.credentialId],
  ['session_id', (entry) => entry.sessionId],
  ['request_id', (entry) => entry.requestId],
  ['id', (entry) => entry.id],
];

/** The entries as a table. Emails that were tried, agents and details are strangers' text; csv makes it inert. */
export function toCsv(entries: AuditEntry[]): string {
  const names = columns.map(([name]) => name);
  return `${names.join(',')}\r\n${csv(entries.map((entry) => columns.map(([, read]) => read(entry))))}`;
}

/** The entries as the API gives them. */
export function toJsonText(entries: AuditEntry[]): string {
  const all = create(ListAuditEntriesResponseSchema, { entries });
  return `${JSON.stringify(toJson(ListAuditEntriesResponseSchema, all), null, 2)}\n`;
}
