import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { Code, type ServiceImpl } from '@connectrpc/connect';
import { screen, waitFor, within } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { AuditEntrySchema, AuditService, type ListAuditEntriesRequest } from '../../gen/paddock/v1/audit_pb';
import { UserService } from '../../gen/paddock/v1/users_pb';
import { fault, renderApp, someone } from '../../test/app';

type Audit = ServiceImpl<typeof AuditService>;

const ada = someone('admin');

const entry = create(AuditEntrySchema, {
  id: '01a2058f-7d5f-77b2-98c9-86468a185d2e',
  eventType: 'login_failure',
  outcome: 'failure',
  occurredAt: timestampFromDate(new Date('2026-11-22T23:20:19Z')),
  actorEmail: '<img src=x onerror=alert(1)>',
  ip: '203.0.113.9',
  userAgent: 'curl/8.9.1',
  detail: 'the third today',
});

function open(
  path: string,
  list: (request: ListAuditEntriesRequest) => object = () => ({ entries: [entry] }),
  exportAuditEntries: Audit['exportAuditEntries'] = async function* () {
    yield* [];
  },
) {
  const listAuditEntries = vi.fn<typeof list>(list);
  const countAuditEntries = vi.fn<Audit['countAuditEntries']>(({ bounds }) => ({
    since: timestampFromDate(new Date('2026-11-01T00:00:00Z')),
    counts: bounds.slice(1).map((_, i) => ({ success: 100, failure: i === 0 ? 4 : 0 })),
  }));
  const app = renderApp({
    path,
    as: ada,
    services: ({ service }) => {
      service(AuditService, { listAuditEntries, countAuditEntries, exportAuditEntries });
      service(UserService, {
        getUser: () => ({ user: ada }),
        listUsers: ({ query }) => ({ users: ada.email.includes(query) ? [ada] : [] }),
      });
    },
  });
  return {
    ...app,
    asked: () => listAuditEntries.mock.lastCall![0],
    listAuditEntries,
    countAuditEntries,
  };
}

async function shown() {
  await screen.findByText('login_failure');
}

test('the address says what is asked for', async () => {
  const { asked } = open(
    '/audit?limit=5&event=login&outcome=failure&from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z',
  );
  await shown();
  expect(asked()).toMatchObject({ pageSize: 5, eventType: 'login', outcome: 'failure' });
  expect(timestampMs(asked().occurredAfter!)).toBe(Date.parse('2026-11-22'));
  expect(timestampMs(asked().occurredBefore!)).toBe(Date.parse('2026-11-23'));
});

const at = timestampFromDate(new Date('2026-11-22T23:20:19Z'));

test('the page says how far the log is sealed and verified', async () => {
  const seal = { entries: 1204n, sealedAt: at, verifiedEntries: 1200n, verifiedAt: at };
  open('/audit', () => ({ entries: [entry], seal }));
  expect(await screen.findByText(/Verified up to/)).toHaveTextContent(
    /^1,204 entries sealed, the last .*2026.*\. Verified up to .*2026.*: 1,200 entries\.$/,
  );
});

test('a log that nothing is sealed of says so', async () => {
  open('/audit');
  expect(await screen.findByText('Not sealed.')).toBeVisible();
});

test('a log that was not verified yet says so', async () => {
  open('/audit', () => ({ entries: [entry], seal: { entries: 1n, sealedAt: at } }));
  expect(await screen.findByText(/1 entry sealed/)).toHaveTextContent(/Not verified yet\.$/);
});

test('a log that was changed is told', async () => {
  open('/audit', () => ({ entries: [entry], seal: { entries: 3n, fault: 'deleted entry 7 at position 2' } }));
  expect(await screen.findByRole('alert')).toHaveTextContent('deleted entry 7 at position 2');
});

test('Load puts what was typed into the address, a user by part of a name', async () => {
  const { person, history, asked } = open('/audit?live=true');
  await shown();
  await person.type(screen.getByLabelText('Event type'), 'login');
  await person.type(screen.getByLabelText('User'), 'ada');
  await person.clear(screen.getByLabelText('Limit'));
  await person.type(screen.getByLabelText('Limit'), '7');
  await person.click(screen.getByRole('button', { name: 'Load' }));
  await waitFor(() => expect(asked()).toMatchObject({ pageSize: 7, eventType: 'login', userId: ada.id }));
  expect(history.location.search).toBe(`?limit=7&event=login&user=${ada.id}&live=true`);
  expect(await screen.findByDisplayValue(ada.email)).toBe(screen.getByLabelText('User'));
});

test('a user who is not there is said so at the field, and what was typed stays', async () => {
  const { person, listAuditEntries } = open('/audit');
  await shown();
  await person.type(screen.getByLabelText('User'), 'nobody{Enter}');
  expect(await screen.findByText('There is no such user.')).toBeVisible();
  expect(screen.getByLabelText('User')).toHaveValue('nobody');
  expect(listAuditEntries).toHaveBeenCalledOnce();
});

test('older entries are on the next page, whose address has the same window', async () => {
  const { person, asked, history } = open('/audit?window=day', ({ pageToken }) => ({
    entries: [entry],
    nextPageToken: pageToken ? '' : 'older',
  }));
  await shown();
  const first = asked();
  await person.click(screen.getByRole('button', { name: 'Next' }));
  await waitFor(() => expect(asked().pageToken).toBe('older'));
  expect(asked().occurredAfter).toEqual(first.occurredAfter);
  expect(history.location.search).toMatch(/page=2&after=older&at=/);
  expect(await screen.findByText(/page 2 · none older/)).toBeVisible();
});

test('a row opens its details under an address of their own, and Back closes them', async () => {
  const { person, history } = open('/audit?event=login');
  await shown();
  await person.click(within(screen.getByRole('table')).getByRole('link'));
  const sheet = await screen.findByRole('dialog');
  expect(within(sheet).getByText('the third today')).toBeVisible();
  expect(within(sheet).getByText('<img src=x onerror=alert(1)>')).toBeVisible();
  expect(history.location.href).toBe(`/audit/${entry.id}?event=login`);
  history.back();
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
});

test('an address of details finds its entry, however old', async () => {
  open(`/audit/${entry.id}`, ({ occurredAfter }) => ({ entries: occurredAfter ? [entry] : [] }));
  expect(await screen.findByText('the third today')).toBeVisible();
});

test('a server that is busy says when to try again', async () => {
  open('/audit', () => {
    throw fault(Code.ResourceExhausted, 'RATE_LIMITED', 'too many calls', { retryAfter: 12 });
  });
  expect(await screen.findByRole('alert', {}, { timeout: 4500 })).toHaveTextContent(
    'Too many calls. Try again in 12 s.',
  );
});

test('the chart covers the whole window, whichever page is shown', async () => {
  const { countAuditEntries, person } = open(
    '/audit?event=login&from=2026-11-22T00:00:00Z&to=2026-11-23T23:00:00Z',
    ({ pageToken }) => ({ entries: [entry], nextPageToken: pageToken ? '' : 'older' }),
  );
  const chart = await screen.findByRole('img', { name: /^4,704 entries, / });
  const { bounds, eventType } = countAuditEntries.mock.lastCall![0];
  expect(eventType).toBe('login');
  expect(bounds).toHaveLength(48);
  expect(timestampMs(bounds[0]!)).toBe(Date.parse('2026-11-22'));
  expect(timestampMs(bounds.at(-1)!)).toBe(Date.parse('2026-11-23T23:00:00Z'));
  await person.click(screen.getByRole('button', { name: 'Next' }));
  expect(await screen.findByText(/page 2 · none older/)).toBeVisible();
  expect(chart).toHaveAccessibleName(/^4,704 entries, /);
});

test('without a window the chart begins with the oldest entry', async () => {
  const { countAuditEntries } = open('/audit');
  await screen.findByRole('img', { name: /entries, / });
  expect(timestampMs(countAuditEntries.mock.lastCall![0].bounds[0]!)).toBe(Date.parse('2026-11-01'));
});

test('the chart says where the server counted no further', async () => {
  const { countAuditEntries } = open('/audit?from=2026-11-22T00:00:00Z&to=2026-11-24T00:00:00Z');
  countAuditEntries.mockImplementation(({ bounds }) => ({
    counts: bounds.slice(1).map((_, i) => ({ success: i === 0 ? 20_000 : 0, more: i === 0 })),
  }));
  expect(await screen.findByRole('img', { name: /^At least 20,000 entries, / })).toBeVisible();
});

test('the export has all entries of the window, as the server streams them', async () => {
  const saved = saves();
  const { person } = open('/audit?outcome=failure', undefined, async function* ({ outcome }) {
    for (const actorEmail of ['one', 'two', outcome]) yield { entries: [{ ...entry, actorEmail }] };
  });
  await shown();
  await person.click(screen.getByRole('button', { name: 'Export all' }));
  await person.click(await screen.findByRole('menuitem', { name: /JSON lines/ }));
  expect(await screen.findByText('Exported 3 entries')).toBeVisible();
  const lines = (await saved[0]!.text()).trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { actorEmail: string }).actorEmail)).toEqual([
    'one',
    'two',
    'failure',
  ]);
});

test('an export that breaks off says so, and saves nothing that looks whole', async () => {
  const saved = saves();
  const { person } = open('/audit', undefined, async function* () {
    yield { entries: [entry] };
    throw fault(Code.Unavailable, 'DATABASE_UNAVAILABLE', 'the database is unavailable');
  });
  await shown();
  await person.click(screen.getByRole('button', { name: 'Export all' }));
  await person.click(await screen.findByRole('menuitem', { name: /CSV/ }));
  expect(await screen.findAllByText('The database is unavailable.')).not.toHaveLength(0);
  expect(saved).toHaveLength(0);
});

/** The files that are saved from here on. */
function saves(): Blob[] {
  const files: Blob[] = [];
  vi.spyOn(URL, 'createObjectURL').mockImplementation((file) => {
    files.push(file as Blob);
    return 'blob:';
  });
  return files;
}
