import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { screen, waitFor } from '@testing-library/react';
import { expect, test } from 'vitest';
import { AuditService } from '../../gen/paddock/v1/audit_pb';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';
import { OverviewService } from '../../gen/paddock/v1/overview_pb';
import { renderApp, someone } from '../../test/app';

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
            database: { kind: 'sqlite', latencyMs: 0.2 },
            upstreams: [{ up: false, problem: 'the model server cannot be reached' }],
          },
        }),
      });
    },
  });
}

test('an admin begins with how things are: figures, what is wrong in words, keys to rotate', async () => {
  open('admin');
  expect(await screen.findByRole('link', { name: /Active users 1,200 4 more are inactive/ })).toBeVisible();
  expect(screen.getByText(/The model server cannot be reached\. Chat and embeddings fail/)).toBeVisible();
  expect(screen.getByRole('link', { name: /ci-token .*grace@example.com in 2 days/ })).toHaveAttribute(
    'href',
    expect.stringMatching(/^\/users\//),
  );
  expect(await screen.findByText('ollama pull llama3.2')).toBeVisible();
});

test('a member goes on to the chat', async () => {
  const { history } = open('user');
  await waitFor(() => expect(history.location.pathname).toBe('/chat'));
});
