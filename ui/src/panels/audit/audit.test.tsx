import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { screen, waitFor, within } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { AuditEntrySchema, AuditService, type ListAuditEntriesRequest } from '../../gen/paddock/v1/audit_pb';
import { UserService } from '../../gen/paddock/v1/users_pb';
import { fault, renderApp, someone } from '../../test/app';

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
) {
  const listAuditEntries = vi.fn<typeof list>(list);
  const app = renderApp({
    path,
    as: ada,
    services: ({ service }) => {
      service(AuditService, { listAuditEntries });
      service(UserService, {
        getUser: () => ({ user: ada }),
        listUsers: ({ query }) => ({ users: ada.email.includes(query) ? [ada] : [] }),
      });
    },
  });
  return { ...app, asked: () => listAuditEntries.mock.lastCall![0], listAuditEntries };
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
