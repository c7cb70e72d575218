import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { act, render, screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { AuditService } from '../../gen/paddock/v1/audit_pb';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';
import { ExpiringKeySchema, OverviewService, UpstreamHealthSchema } from '../../gen/paddock/v1/overview_pb';
import { renderApp, someone } from '../../test/app';
import { MayBeMore as Said } from './expiring-keys';
import { Upstreams } from './upstreams';

function open(...roles: string[]) {
  const userId = '01a20588-5d85-7abe-8000-000000000002';
  return renderApp({
    as: someone(...roles),
    services: ({ service }) => {
      service(AuditService, { listAuditEntries: () => ({}) });
      service(OllamaService, { listModels: () => ({ models: [] }) });
      service(OverviewService, {
        getOverview: () => ({
          overview: {
            users: 1204,
            activeUsers: 1200,
            sessions: 7,
            apiKeys: 3,
            expiringKeys: [
              {
                credential: {
                  userId,
                  label: 'ci-token',
                  expiresAt: timestampFromDate(new Date(Date.now() + 2.5 * 86_400_000)),
                },
                userEmail: 'grace@example.com',
              },
            ],
            signInDays: [{ day: '2026-11-22', succeeded: 5, failed: 2 }],
            takenAt: timestampFromDate(new Date('2026-11-22T21:03:04.567Z')),
            database: { kind: 'sqlite', latencyMs: 0.04 },
            usageDays: [
              { day: '2026-11-21', requests: 2n, tokens: 1000n },
              { day: '2026-11-22', requests: 5n, tokens: 234n },
            ],
            upstreams: [
              { name: 'gpu-1:11434', up: true, latencyMs: 12.4, inFlight: 3 },
              { name: 'gpu-2:11434', up: false, problem: 'the model server cannot be reached' },
            ],
          },
        }),
      });
    },
  });
}

test('an admin begins with how things are: figures, what is wrong in words, keys to rotate', async () => {
  open('admin');
  expect(await screen.findByRole('link', { name: /Active users 1,200 4 more are inactive/ })).toBeVisible();
  const servers = within(screen.getByRole('list', { name: 'Ollama servers' })).getAllByRole('listitem');
  expect(servers[0]).toHaveTextContent('gpu-1:11434Upanswers in 12 ms · 3 calls run');
  expect(servers[1]).toHaveTextContent('The model server cannot be reached. Calls go to the others');
  expect(screen.getByText('< 0.1 ms')).toBeVisible();
  expect(screen.getByRole('link', { name: /ci-token .*grace@example.com in 2 days/ })).toHaveAttribute(
    'href',
    expect.stringMatching(/^\/users\//),
  );
  expect(await screen.findByText('ollama pull llama3.2')).toBeVisible();
});

test('a number leads to the rows that it counts, or nowhere', async () => {
  const { history, person } = open('admin');
  await screen.findByText('Failed sign-ins today');
  expect(screen.getByRole('link', { name: /Active users/ })).toHaveAttribute('href', '/users?status=active');
  expect(screen.getByText('Sessions').closest('a')).toBeNull();
  expect(screen.getByText('API keys').closest('a')).toBeNull();
  await person.click(screen.getByRole('link', { name: /Failed sign-ins today/ }));
  await waitFor(() => expect(history.location.pathname).toBe('/audit'));
  expect(Object.fromEntries(new URLSearchParams(history.location.search))).toEqual({
    event: 'login_failure',
    window: 'custom',
    from: '2026-11-22T00:00:00.000Z',
    to: '2026-11-22T21:03:04.567Z',
  });
});

test('the usage of the days is told in tokens or in requests', async () => {
  const { person } = open('admin');
  const chart = await screen.findByRole('img', { name: /^Tokens per day/ });
  expect(screen.getByText('1,234 tokens')).toBeVisible();
  act(() => chart.focus());
  await person.keyboard('{ArrowLeft}');
  expect(chart).toHaveAccessibleName('Tokens per day (UTC). Nov 22: tokens 234');
  await person.click(screen.getByRole('button', { name: 'Requests' }));
  expect(screen.getByText('7 requests')).toBeVisible();
});

test('where the server lists no more keys, the list says that there may be some', async () => {
  const keys = Array.from({ length: 20 }, (_, i) =>
    create(ExpiringKeySchema, { credential: { id: `key ${i}`, label: `k${i}` } }),
  );
  const { rerender } = render(<Said keys={keys} />);
  expect(screen.getByText(/These are the 20 that expire first; there may be more\./)).toBeVisible();
  rerender(<Said keys={keys.slice(1)} />);
  expect(screen.queryByText(/there may be more/)).toBeNull();
});

test('no server is said to stand in for others while all are away', () => {
  const away = ['gpu-1', 'gpu-2'].map((name) =>
    create(UpstreamHealthSchema, { name, problem: 'the model server cannot be reached' }),
  );
  render(<Upstreams upstreams={away} />);
  expect(screen.getAllByText(/Chat and embeddings fail meanwhile/)).toHaveLength(2);
});

test('a member goes on to the chat', async () => {
  const { history } = open('user');
  await waitFor(() => expect(history.location.pathname).toBe('/chat'));
});
