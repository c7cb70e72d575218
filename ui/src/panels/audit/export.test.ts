import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { AuditEntrySchema } from '../../gen/paddock/v1/audit_pb';
import { asCsv, asJsonLines } from './export';

function csvOf(actorEmail: string): string {
  return asCsv.rows([create(AuditEntrySchema, { eventType: 'login_failure', actorEmail })]).split('\r\n')[0]!;
}

test.each([
  '=HYPERLINK("http://evil.example")',
  '+1',
  '-1',
  '@SUM(A1)',
  ' =1',
  '\t=1',
  '\r=1',
  '＝1',
  '\uFEFF=1',
])('a spreadsheet shows %j and does not run it', (formula) => {
  expect(csvOf(formula)).toContain(`"'${formula.replaceAll('"', '""')}"`);
});

test('quotes, commas and line breaks stay in their cell', () => {
  expect(csvOf('a "b", c\nd')).toBe('"","login_failure","","a ""b"", c\nd","","","","","","","","",""');
});

test('the CSV names its columns, and times are UTC', () => {
  const occurredAt = timestampFromDate(new Date('2026-11-22T23:20:19.619Z'));
  expect(asCsv.head + asCsv.rows([create(AuditEntrySchema, { occurredAt })])).toMatch(
    /^occurred_at,event_type,outcome,.*\r\n"2026-11-22T23:20:19.619Z",/,
  );
});

test('the JSON is the API’s, an entry a line', () => {
  const entry = create(AuditEntrySchema, { eventType: 'logout', actorEmail: 'ada@example.com' });
  const line = '{"eventType":"logout","actorEmail":"ada@example.com"}\n';
  expect(asJsonLines.rows([entry, entry])).toBe(line + line);
});
