import { toJsonString } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type AuditEntry, AuditEntrySchema } from '../../gen/paddock/v1/audit_pb';
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

/** How entries are written into a file: its first line, if it has one, and then some of them at a time. */
export interface Format {
  ending: string;
  mime: string;
  head: string;
  rows: (entries: AuditEntry[]) => string;
}

/** A table. Emails that were tried, agents and details are strangers' text; csv makes it inert. */
export const asCsv: Format = {
  ending: 'csv',
  mime: 'text/csv;charset=utf-8',
  head: `${columns.map(([name]) => name).join(',')}\r\n`,
  rows: (entries) => csv(entries.map((entry) => columns.map(([, read]) => read(entry)))),
};

/** The entries as the API gives them, one a line. */
export const asJsonLines: Format = {
  ending: 'jsonl',
  mime: 'application/jsonl',
  head: '',
  rows: (entries) => entries.map((entry) => `${toJsonString(AuditEntrySchema, entry)}\n`).join(''),
};
