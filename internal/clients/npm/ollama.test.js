import assert from 'node:assert/strict';
import test from 'node:test';
import { Ollama } from 'ollama';
import {
  answer,
  collect,
  key,
  messages,
  narrowKey,
  picture,
  poorKey,
  toolsModel,
  url,
  weather,
} from './setup.js';

const as = (key) => new Ollama({ host: url, headers: { Authorization: `Bearer ${key}` } });
const client = as(key);
const refused = (status, message) => (err) => {
  assert.equal(err.name, 'ResponseError');
  assert.equal(err.status_code, status);
  assert.match(err.message, message);
  return true;
};

test('chat', async () => {
  const m = await client.chat({ model: 'tiny-chat', messages });
  assert.equal(m.message.content, answer);
  assert.deepEqual([m.done, m.done_reason, m.prompt_eval_count, m.eval_count], [true, 'stop', 11, 27]);
});

test('chat, streamed', async () => {
  const lines = await collect(await client.chat({ model: 'tiny-chat', messages, stream: true }));
  assert.equal(lines.map((l) => l.message.content).join(''), answer);
  assert.ok(lines.length > 20, `${lines.length} lines are no stream`);
  assert.deepEqual([lines.at(-1).done, lines.at(-1).eval_count], [true, 27]);
});

test('chat with options', async () => {
  const m = await client.chat({
    model: 'tiny-chat',
    messages,
    options: { num_predict: 3, temperature: 0 },
    keep_alive: '5m',
  });
  assert.deepEqual([m.message.content, m.done_reason], ['Hello! I', 'length']);
});

test('chat with a thought', async () => {
  const m = await client.chat({ model: 'tiny-think', messages, think: true });
  assert.equal(m.message.thinking.trim(), 'Let me think about this');
  assert.equal(m.message.content, 'The answer is 42');
});

test('chat with a tool, and its answer', async () => {
  const m = await client.chat({ model: toolsModel('tools:ollama'), messages, tools: [weather] });
  assert.equal(m.message.tool_calls[0].function.name, 'get_weather');
  assert.deepEqual(m.message.tool_calls[0].function.arguments, { city: 'Berlin' });
  const told = { role: 'tool', tool_name: 'get_weather', content: 'rain' };
  const next = await client.chat({ model: 'tiny-chat', messages: [...messages, m.message, told] });
  assert.equal(next.message.content, answer);
});

test('chat with a tool, streamed', async () => {
  const lines = await collect(
    await client.chat({ model: toolsModel('tools:ollama-stream'), messages, tools: [weather], stream: true }),
  );
  const calls = lines.flatMap((l) => l.message.tool_calls ?? []);
  assert.deepEqual(
    calls.map((c) => c.function.arguments),
    [{ city: 'Berlin' }],
  );
});

test('chat with a picture', async () => {
  const asked = { role: 'user', content: 'What is it?', images: [picture] };
  assert.equal((await client.chat({ model: 'tiny-chat', messages: [asked] })).message.content, answer);
});

test('chat in JSON', async () => {
  const schema = { type: 'object', properties: { name: { type: 'string' }, parameters: { type: 'object' } } };
  for (const format of ['json', schema]) {
    const m = await client.chat({ model: 'tiny-tools', messages, format });
    assert.equal(JSON.parse(m.message.content).name, 'get_weather');
  }
});

test('generate', async () => {
  const m = await client.generate({ model: 'tiny-chat', prompt: 'hi' });
  assert.equal(m.response, answer);
  const lines = await collect(await client.generate({ model: 'tiny-chat', prompt: 'hi', stream: true }));
  assert.equal(lines.map((l) => l.response).join(''), answer);
});

test('generate with a prompt of its own making', async () => {
  const m = await client.generate({ model: 'tiny-chat', prompt: 'hi<|assistant|>', raw: true });
  assert.equal(m.response, answer);
});

test('embed and embeddings', async () => {
  const two = await client.embed({ model: 'tiny-embed', input: ['hello world', 'zebra'] });
  assert.deepEqual([two.embeddings.length, two.embeddings[0].length, two.prompt_eval_count], [2, 64, 19]);
  const one = await client.embed({ model: 'tiny-embed', input: 'hello world' });
  const old = await client.embeddings({ model: 'tiny-embed', prompt: 'hello world' });
  assert.deepEqual(old.embedding, one.embeddings[0]);
});

test('list, ps, show and version', async () => {
  const listed = (await client.list()).models.map((m) => m.name);
  assert.ok(listed.includes('tiny-chat:latest') && listed.includes('tiny-embed:latest'), `${listed}`);
  assert.deepEqual(
    (await as(narrowKey).list()).models.map((m) => m.name),
    ['tiny-chat:latest'],
  );
  assert.ok((await client.ps()).models.some((m) => m.name === 'tiny-chat:latest'));
  const shown = await client.show({ model: 'tiny-chat' });
  assert.deepEqual(shown.capabilities, ['completion']);
  assert.match(shown.modelfile, /^FROM tiny-chat:latest$/m);
  assert.match((await client.version()).version, /^\d+\.\d+/);
});

test('a wrong key', async () => {
  await assert.rejects(() => as('pdk_wrong').list(), refused(401, /valid session token or API key/));
  await assert.rejects(
    () => as('pdk_wrong').chat({ model: 'tiny-chat', messages, stream: true }),
    refused(401, /API key/),
  );
});

test('an unknown model', async () => {
  await assert.rejects(
    () => client.chat({ model: 'nope', messages }),
    refused(404, /^model 'nope' not found$/),
  );
  await assert.rejects(() => client.show({ model: 'nope' }), refused(404, /^model 'nope' not found$/));
});

test('a forbidden model', async () => {
  await assert.rejects(
    () => as(narrowKey).generate({ model: 'tiny-tools', prompt: 'hi' }),
    refused(403, /may not use the model/),
  );
});

test('an exceeded quota', async () => {
  await assert.rejects(
    () => as(poorKey).chat({ model: 'tiny-chat', messages }),
    refused(429, /quota exceeded: 0 of 0 tokens used this day/),
  );
});

test('what changes the server', async () => {
  await assert.rejects(() => client.delete({ model: 'tiny-chat' }), refused(404, /does not serve this path/));
  await assert.rejects(() => client.pull({ model: 'tiny-chat' }), refused(404, /does not serve this path/));
});

test('abort in mid-stream', async () => {
  const stream = await client.chat({ model: 'tiny-slow', messages, stream: true });
  let pieces = 0;
  const read = async () => {
    for await (const _ of stream) if (++pieces === 5) stream.abort();
  };
  await assert.rejects(read, { name: 'AbortError' });
  assert.ok(pieces >= 5);
});

test('abort of all streams of a client', async () => {
  const stream = await client.generate({ model: 'tiny-slow', prompt: 'hi', stream: true });
  await assert.rejects(
    async () => {
      for await (const _ of stream) client.abort();
    },
    { name: 'AbortError' },
  );
});
