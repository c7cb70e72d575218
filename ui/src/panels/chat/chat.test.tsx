import { Code, type ServiceImpl } from '@connectrpc/connect';
import { act, cleanup, screen, waitFor, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { type ChatRequest, OllamaService } from '../../gen/paddock/v1/ollama_pb';
import { fault, renderApp, someone } from '../../test/app';

type Ollama = ServiceImpl<typeof OllamaService>;

const models = [
  { name: 'llama3.2:latest', parameterSize: '3.2B', capabilities: ['completion'] },
  { name: 'nomic-embed-text:latest', capabilities: ['embedding'] },
];

/** The chat panel before a model that answers each request with the next of the answers. */
function renderChat(answers: Ollama['chat'][], listModels: Ollama['listModels'] = () => ({ models })) {
  const requests: ChatRequest[] = [];
  const ollama: Partial<Ollama> = {
    listModels,
    chat(request, context) {
      requests.push(request);
      return answers[requests.length - 1]!(request, context);
    },
  };
  const page = renderApp({
    path: '/chat',
    as: someone('user'),
    services: (router) => router.service(OllamaService, ollama),
  });
  const ask = async (prompt: string) =>
    page.person.type(await screen.findByLabelText('Message'), `${prompt}{Enter}`);
  return { ...page, requests, ask };
}

/** An answer in pieces. */
function says(...pieces: string[]): Ollama['chat'] {
  return async function* () {
    for (const content of pieces) yield { content };
    yield {
      done: true,
      doneReason: 'stop',
      completionTokens: 86n,
      durations: { total: { seconds: 2n }, completion: { seconds: 1n } },
    };
  };
}

const said = (request: ChatRequest) => request.messages.map(({ role, content }) => `${role}: ${content}`);

test('an answer streams in, tells what it cost, and is kept under an address of its own', async () => {
  const { ask, requests, history } = renderChat([says('Rotate ', 'it **slowly**.')]);
  await ask('How do I rotate a key?');
  expect(await screen.findByText('slowly')).toHaveProperty('tagName', 'STRONG');
  expect(await screen.findByText('86 tokens · 86 tokens/s · 2.0 s')).toBeVisible();
  expect(requests[0]).toMatchObject({ model: 'llama3.2:latest' });
  expect(history.location.pathname).toMatch(/^\/chat\/.+/);
  const [entry] = Object.entries(localStorage).filter(([key]) => key.startsWith('paddock.chat.'));
  expect(JSON.parse(entry![1])).toMatchObject({ title: 'How do I rotate a key?' });
});

test('stopping ends the call and keeps what has arrived', async () => {
  let ended = false;
  const { ask, person } = renderChat([
    async function* (_request, { signal }) {
      yield { content: 'The first words' };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended = true;
    },
  ]);
  await ask('Tell me everything');
  await screen.findByText('The first words');
  await person.keyboard('{Escape}');
  expect(await screen.findByText('Stopped here.')).toBeVisible();
  expect(screen.getByText('The first words')).toBeVisible();
  await waitFor(() => expect(ended).toBe(true));
});

test('an answer that breaks off says so, keeps what arrived, and can be asked for again', async () => {
  const { ask, person, requests } = renderChat([
    async function* () {
      yield { content: 'The first words' };
      throw fault(Code.Unavailable, 'UPSTREAM_ERROR', 'the model server broke off its answer');
    },
    says('All of it.'),
  ]);
  await ask('Tell me');
  expect(await screen.findByRole('alert')).toHaveTextContent(
    'The model server broke off its answer. What arrived is kept.',
  );
  expect(screen.getByText('The first words')).toBeVisible();
  await person.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByText('All of it.')).toBeVisible();
  expect(screen.queryByText('The first words')).toBeNull();
  expect(said(requests[1]!)).toEqual(['user: Tell me']);
});

test('a quota that is used up says when it resets, and where to see it', async () => {
  const { ask } = renderChat([
    async function* () {
      yield* [];
      const message =
        'token quota exceeded: 9 of 9 tokens used this day; the quota will reset at 2026-11-24T00:00:00Z';
      throw fault(Code.ResourceExhausted, 'QUOTA_EXCEEDED', message, { retryAfter: 18_721 });
    },
  ]);
  await ask('More');
  const alert = await screen.findByRole('alert');
  expect(alert).toHaveTextContent(
    'Token quota exceeded: 9 of 9 tokens used this day. It resets in 5 h 12 min.',
  );
  expect(within(alert).getByRole('link', { name: 'account page' })).toHaveAttribute('href', '/account');
});

test('a model that may not be used any more says which ones may', async () => {
  let allowed = models;
  const { ask } = renderChat(
    [
      async function* () {
        yield* [];
        allowed = [{ name: 'qwen3:8b', capabilities: ['completion'] }, ...models.slice(1)];
        throw fault(Code.PermissionDenied, 'MODEL_NOT_ALLOWED', 'you may not use this model');
      },
    ],
    () => ({ models: allowed }),
  );
  await ask('Hello?');
  expect(await screen.findByText(/You may not use this model\. +Choose qwen3:8b\./)).toBeVisible();
});

test('a half-typed message is there when one comes back, and is kept nowhere', async () => {
  const { person, history } = renderChat([]);
  await person.type(await screen.findByLabelText('Message'), 'half a thou');
  act(() => history.push('/embeddings'));
  await screen.findByRole('heading', { name: 'Embeddings' });
  act(() => history.push('/chat'));
  expect(await screen.findByLabelText('Message')).toHaveValue('half a thou');
  expect(JSON.stringify({ ...localStorage })).not.toContain('half a thou');
});

test('an edited prompt replaces what came after it', async () => {
  const { ask, person, requests } = renderChat([says('One.'), says('Two.'), says('Three.')]);
  await ask('first');
  await screen.findByText('One.');
  await ask('second');
  await screen.findByText('Two.');
  expect(said(requests[1]!)).toEqual(['user: first', 'assistant: One.', 'user: second']);
  await person.type(screen.getByLabelText('Message'), '{ArrowUp}');
  await person.type(await screen.findByLabelText('Edit prompt'), ' thoughts{Control>}{Enter}{/Control}');
  await screen.findByText('Three.');
  expect(screen.queryByText('Two.')).toBeNull();
  expect(said(requests[2]!)).toEqual(['user: first', 'assistant: One.', 'user: second thoughts']);
});

test('the settings go with the conversation', async () => {
  const { ask, person, requests } = renderChat([says('Aye.')]);
  await person.click(await screen.findByRole('button', { name: 'Settings' }));
  await person.type(await screen.findByLabelText('System prompt'), 'You are a sailor.');
  await person.type(screen.getByLabelText('Temperature'), '0.5');
  await person.type(screen.getByLabelText('Stop at'), 'END{Enter}STOP');
  await person.click(screen.getByRole('button', { name: 'Save settings' }));
  await ask('Ready?');
  await screen.findByText('Aye.');
  expect(said(requests[0]!)).toEqual(['system: You are a sailor.', 'user: Ready?']);
  expect(requests[0]!.options).toMatchObject({ temperature: 0.5, stop: ['END', 'STOP'] });
  expect(requests[0]!.options!.topP).toBeUndefined();
});

test('conversations are found by what was said in them, and deleted when that is confirmed', async () => {
  const { ask, person, history } = renderChat([says('Use a hash map.')]);
  await ask('Which data structure?');
  await screen.findByText('Use a hash map.');
  const list = await screen.findByRole('navigation', { name: 'Conversations' });
  await person.type(screen.getByLabelText('Search conversations'), 'HASH');
  expect(within(list).getByRole('link', { name: 'Which data structure?' })).toBeVisible();
  await person.type(screen.getByLabelText('Search conversations'), ' tree');
  expect(within(list).queryByRole('link')).toBeNull();
  await person.clear(screen.getByLabelText('Search conversations'));
  await person.click(within(list).getByRole('button', { name: 'Delete Which data structure?' }));
  const dialog = await screen.findByRole('alertdialog', { name: 'Delete “Which data structure?”?' });
  await person.click(within(dialog).getByRole('button', { name: 'Delete' }));
  await waitFor(() => expect(history.location.pathname).toBe('/chat'));
  expect(Object.keys(localStorage).filter((key) => key.startsWith('paddock.chat.'))).toEqual([]);
});

test('only models that can chat are offered', async () => {
  const { person } = renderChat([]);
  await person.click(await screen.findByRole('combobox', { name: 'Model' }));
  const options = await screen.findAllByRole('option');
  expect(options.map((option) => option.textContent)).toEqual(['llama3.2:latest3.2B']);
});

test('a new conversation begins with the model last used, as long as it may be', async () => {
  const both = [...models, { name: 'qwen3:8b', capabilities: ['completion'] }];
  const { ask, person, requests } = renderChat([says('One.'), says('Two.')], () => ({ models: both }));
  await person.click(await screen.findByRole('combobox', { name: 'Model' }));
  await person.click(await screen.findByRole('option', { name: /qwen3:8b/ }));
  await ask('first');
  await screen.findByText('One.');
  await person.click(screen.getByRole('link', { name: 'New conversation' }));
  await ask('second');
  await screen.findByText('Two.');
  expect(requests.map(({ model }) => model)).toEqual(['qwen3:8b', 'qwen3:8b']);

  cleanup();
  renderChat([]);
  const model = await screen.findByRole('combobox', { name: 'Model' });
  expect(model).toHaveTextContent('llama3.2:latest');
});

test('where the models cannot be listed, one can type a name', async () => {
  const { ask, person, requests } = renderChat([says('Hello.')], () => {
    throw fault(Code.NotFound, 'UPSTREAM_ERROR', 'Ollama is away');
  });
  expect(await screen.findByRole('alert')).toHaveTextContent('you can type a model’s name');
  await person.type(screen.getByRole('textbox', { name: 'Model' }), 'qwen3:8b');
  await ask('Hello?');
  await screen.findByText('Hello.');
  expect(requests[0]!.model).toBe('qwen3:8b');
});

test('a name that is being typed does not go to another conversation', async () => {
  const { ask, person, history, requests } = renderChat([says('One.'), says('Two.')], () => {
    throw fault(Code.NotFound, 'UPSTREAM_ERROR', 'Ollama is away');
  });
  await ask('first');
  await screen.findByText('One.');
  await person.type(screen.getByRole('textbox', { name: 'Model' }), 'half');
  act(() => history.push('/chat'));
  await screen.findByRole('heading', { name: 'New conversation' });
  expect(await screen.findByRole('textbox', { name: 'Model' })).toHaveValue('');
  await ask('second');
  await screen.findByText('Two.');
  expect(requests[1]!.model).toBe('');
});

test('a conversation that is deleted in another tab is not brought back by its answer', async () => {
  let go!: () => void;
  const { ask } = renderChat([
    async function* () {
      yield { content: 'The first words' };
      await new Promise<void>((resolve) => (go = resolve));
      yield { content: ' and more', done: true };
    },
  ]);
  await ask('Tell me');
  await screen.findByText('The first words');
  const [key] = Object.keys(localStorage).filter((name) => name.startsWith('paddock.chat.'));
  localStorage.removeItem(key!);
  act(() => void dispatchEvent(new StorageEvent('storage', { key })));
  go();
  expect(await screen.findByText('This conversation is not in this browser')).toBeVisible();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(localStorage.getItem(key!)).toBeNull();
});

test('what a model writes can neither load nor run anything', async () => {
  const { ask } = renderChat([
    says(
      '<img src=x onerror=alert(1)> <script>alert(2)</script>\n\n',
      '![picture](https://evil.example/x.png) [click](javascript:alert(3)) [page](https://good.example/)\n\nend.',
    ),
  ]);
  await ask('Be evil');
  await screen.findByText('end.');
  const answer = await screen.findByRole('article', { name: 'Answer' });
  expect(answer.querySelector('img, script, iframe, [onerror]')).toBeNull();
  const links = within(answer).getAllByRole('link');
  expect(links.map((link) => link.getAttribute('href'))).toEqual([
    'https://evil.example/x.png',
    'https://good.example/',
  ]);
  for (const link of links) expect(link).toHaveAttribute('rel', expect.stringContaining('noopener'));
});
