import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { fireEvent, screen, within } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import {
  EmbedResponseSchema,
  type EmbedRequest,
  type EmbedResponse,
  OllamaService,
} from '../../gen/paddock/v1/ollama_pb';
import { fault, renderApp, someone } from '../../test/app';

const vectors: Record<string, number[]> = { east: [3, 0], 'far east': [9, 0], north: [0, 2] };

const embed = vi.fn<(request: EmbedRequest) => EmbedResponse>(({ input }) =>
  create(EmbedResponseSchema, {
    embeddings: input.map((text) => ({ values: vectors[text] ?? [1, 1] })),
    promptTokens: 7n,
  }),
);

let userId = 0;

beforeEach(() => {
  embed.mockClear();
  userId++; // inputs are kept for each user
});

function open(path = '/embeddings') {
  return renderApp({
    path,
    as: { ...someone('user'), id: `user ${userId}` },
    services: ({ service }) =>
      service(OllamaService, {
        listModels: () => ({
          models: [
            { name: 'tiny-chat', capabilities: ['completion'] },
            { name: 'tiny-embed', capabilities: ['embedding'] },
          ],
        }),
        embed,
      }),
  });
}

test('several inputs, one after the other by Enter, are compared each to each', async () => {
  const { person } = open();
  await person.type(
    await screen.findByLabelText('Input 1'),
    'east{Enter}north{Enter}far east{Control>}{Enter}{/Control}',
  );
  const table = await screen.findByRole('table', { name: 'Cosine similarity of each input to each' });
  const figures = within(table)
    .getAllByRole('row')
    .slice(1)
    .map((row) =>
      within(row)
        .getAllByRole('cell')
        .map((cell) => cell.textContent),
    );
  expect(figures).toEqual([
    ['1.00', '0.00', '1.00'],
    ['0.00', '1.00', '0.00'],
    ['1.00', '0.00', '1.00'],
  ]);
  expect(embed.mock.calls[0]![0]).toMatchObject({
    model: 'tiny-embed',
    input: ['east', 'north', 'far east'],
  });
  expect(screen.getByRole('button', { name: /Vector 3, norm 9.000/ })).toBeVisible();
  const map = screen.getByRole('list', { name: 'The inputs on a plane' });
  expect(within(map).getAllByRole('listitem')).toHaveLength(3);
});

test('an input that is changed loses its vector, and drops out of the comparison', async () => {
  const { person } = open();
  await person.type(await screen.findByLabelText('Input 1'), 'east{Enter}north{Control>}{Enter}{/Control}');
  await screen.findByRole('table');
  await person.type(screen.getByLabelText('Input 2'), '!');
  expect(screen.queryByRole('table')).toBeNull();
  expect(screen.getByRole('heading', { name: 'Vector 1' })).toBeVisible();
});

test('pasted lines become an input each, and can be made one again', async () => {
  const { person } = open();
  fireEvent.paste(await screen.findByLabelText('Input 1'), {
    clipboardData: { getData: () => 'east\r\n\r\nnorth\r\n' },
  });
  expect(screen.getByLabelText('Input 2')).toHaveValue('north');
  await person.click(await screen.findByRole('button', { name: 'Make it one' }));
  expect(screen.getByLabelText('Input 1')).toHaveValue('east\nnorth');
  expect(screen.queryByLabelText('Input 2')).toBeNull();
});

test('a refusal says when to try again, and nothing typed is lost', async () => {
  embed.mockImplementationOnce(() => {
    throw fault(Code.ResourceExhausted, 'RATE_LIMITED', 'too many requests; slow down', { retryAfter: 9 });
  });
  const { person } = open();
  await person.type(await screen.findByLabelText('Input 1'), 'east');
  await person.click(screen.getByRole('button', { name: 'Generate' }));
  const alert = await screen.findByRole('alert');
  expect(alert).toHaveTextContent('Too many requests; slow down. Try again in 9 s.');
  await person.click(within(alert).getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('heading', { name: 'Vector 1' })).toBeVisible();
});

test('the model of the address is the one that is asked', async () => {
  const { person } = open('/embeddings?model=gone');
  expect(await screen.findByRole('combobox', { name: 'Model' })).toHaveTextContent('gone');
  await person.type(screen.getByLabelText('Input 1'), 'east');
  await person.click(screen.getByRole('button', { name: 'Generate' }));
  expect(await screen.findByRole('heading', { name: 'Vector 1' })).toBeVisible();
  expect(embed.mock.calls[0]![0].model).toBe('gone');
});
