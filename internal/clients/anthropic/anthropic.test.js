import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { agent, answer, key, messages, narrowKey, picture, poorKey, real, url } from '../npm/setup.js';

const as = (apiKey) => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
const client = as(key);
const asked = { model: 'tiny-chat', max_tokens: 1024, messages };
const weather = {
  name: 'get_weather',
  description: 'weather',
  input_schema: { type: 'object', required: ['city'], properties: { city: { type: 'string' } } },
};

test('message', async () => {
  const m = await client.messages.create(asked);
  assert.deepEqual(m.content, [{ type: 'text', text: answer }]);
  assert.deepEqual([m.role, m.stop_reason, m.usage.output_tokens], ['assistant', 'end_turn', 27]);
  assert.ok(m.usage.input_tokens > 0);
});

test('message, streamed', async () => {
  const stream = client.messages.stream(asked);
  let pieces = 0;
  stream.on('text', () => pieces++);
  const m = await stream.finalMessage();
  assert.equal(m.content[0].text, answer);
  assert.ok(pieces > 20, `${pieces} pieces are no stream`);
  assert.equal(m.usage.output_tokens, 27);
});

test('message with an authentication token', async () => {
  const bearer = new Anthropic({ baseURL: url, authToken: key, apiKey: null, maxRetries: 0 });
  assert.equal((await bearer.messages.create(asked)).content[0].text, answer);
});

test('message with a limit', async () => {
  const m = await client.messages.create({ ...asked, max_tokens: 3 });
  assert.deepEqual([m.content[0].text, m.stop_reason], ['Hello! I', 'max_tokens']);
});

test('message with a system prompt in blocks, and a picture', async () => {
  const content = [
    { type: 'text', text: 'What is it?' },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } },
  ];
  const m = await client.messages.create({
    ...asked,
    system: [{ type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' } }],
    messages: [{ role: 'user', content }],
  });
  assert.equal(m.content[0].text, answer);
});

test('a tool, streamed, and what comes of it', async () => {
  const first = { ...asked, model: agent, tools: [weather], tool_choice: { type: 'auto' } };
  const m = await client.messages.stream(first).finalMessage();
  assert.equal(m.stop_reason, 'tool_use');
  const call = m.content.find((block) => block.type === 'tool_use');
  assert.deepEqual([call.name, call.input], ['get_weather', { city: 'Berlin' }]);
  const told = { type: 'tool_result', tool_use_id: call.id, content: [{ type: 'text', text: 'rain' }] };
  const next = await client.messages.create({
    ...first,
    messages: [...messages, { role: 'assistant', content: m.content }, { role: 'user', content: [told] }],
  });
  if (!real) assert.equal(next.content[0].text, 'Done: rain');
});

test('a tool of theirs among tools of ours', async () => {
  const tools = [{ type: 'web_search_20250305', name: 'web_search' }, weather];
  const m = await client.messages.create({ ...asked, model: agent, tools });
  assert.equal(m.stop_reason, 'tool_use');
});

test('count of tokens', async () => {
  const few = await client.messages.countTokens({ model: 'tiny-chat', messages });
  const more = await client.messages.countTokens({
    model: 'tiny-chat',
    messages,
    tools: [weather],
    system: 'Be kind.',
  });
  assert.ok(
    few.input_tokens > 0 && more.input_tokens > few.input_tokens,
    `${few.input_tokens}, ${more.input_tokens}`,
  );
});

test('beta message', async () => {
  const m = await client.beta.messages.create({ ...asked, betas: ['context-management-2025-06-27'] });
  assert.equal(m.content[0].text, answer);
});

test('refusals', async () => {
  const call = (client, more) => () => client.messages.create({ ...asked, ...more });
  await assert.rejects(call(as('pdk_wrong')), Anthropic.AuthenticationError);
  await assert.rejects(call(as(narrowKey), { model: 'tiny-tools' }), Anthropic.PermissionDeniedError);
  await assert.rejects(call(client, { model: 'nope' }), Anthropic.NotFoundError);
  await assert.rejects(call(as(poorKey)), (err) => {
    assert.ok(err instanceof Anthropic.RateLimitError, `${err}`);
    assert.match(err.message, /quota exceeded: 0 of 0 tokens/);
    return true;
  });
});

test('abort in mid-stream', async () => {
  const stream = client.messages.stream({ ...asked, model: 'tiny-slow' });
  let pieces = 0;
  stream.on('text', () => {
    if (++pieces === 5) stream.abort();
  });
  await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
  assert.ok(pieces >= 5);
});
