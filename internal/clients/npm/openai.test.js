import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import {
  agent,
  answer,
  collect,
  key,
  messages,
  narrowKey,
  picture,
  poorKey,
  real,
  running,
  toolsModel,
  url,
  weather,
} from './setup.js';

const as = (apiKey) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const client = as(key);
const text = (chunks) => chunks.map((c) => c.choices[0]?.delta.content ?? '').join('');

test('chat', async () => {
  const m = await client.chat.completions.create({ model: 'tiny-chat', messages });
  assert.equal(m.choices[0].message.content, answer);
  assert.equal(m.choices[0].finish_reason, 'stop');
  assert.deepEqual(m.usage, { prompt_tokens: 11, completion_tokens: 27, total_tokens: 38 });
});

test('chat, streamed', async () => {
  const chunks = await collect(
    await client.chat.completions.create({ model: 'tiny-chat', messages, stream: true }),
  );
  assert.equal(text(chunks), answer);
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
  assert.ok(chunks.length > 20, `${chunks.length} chunks are no stream`);
  assert.ok(
    chunks.every((c) => !c.usage && c.choices.length === 1),
    'usage that nobody asked for',
  );
});

test('chat, streamed with its usage', async () => {
  const stream_options = { include_usage: true };
  const chunks = await collect(
    await client.chat.completions.create({ model: 'tiny-chat', messages, stream: true, stream_options }),
  );
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.deepEqual(chunks.at(-1).usage, { prompt_tokens: 11, completion_tokens: 27, total_tokens: 38 });
});

test('chat through the streaming helper', async () => {
  const stream = client.chat.completions.stream({ model: 'tiny-chat', messages });
  assert.equal(await stream.finalContent(), answer);
});

test('chat with a limit, by its new name', async () => {
  const m = await client.chat.completions.create({ model: 'tiny-chat', messages, max_completion_tokens: 3 });
  assert.equal(m.choices[0].message.content, 'Hello! I');
  assert.equal(m.choices[0].finish_reason, 'length');
});

test('chat with a tool', async () => {
  const m = await client.chat.completions.create({
    model: toolsModel('tools:openai'),
    messages,
    tools: [weather],
  });
  const [call] = m.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Berlin' });
  assert.equal(m.choices[0].finish_reason, 'tool_calls');
});

test('chat with a tool, streamed, and its answer', async () => {
  const stream = client.chat.completions.stream({
    model: toolsModel('tools:openai-stream'),
    messages,
    tools: [weather],
  });
  const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0];
  assert.equal(finish_reason, 'tool_calls');
  assert.equal(message.tool_calls[0].function.arguments, '{"city":"Berlin"}');
  const told = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'rain' };
  const next = await client.chat.completions.create({
    model: 'tiny-chat',
    messages: [...messages, message, told],
  });
  assert.equal(next.choices[0].message.content, answer);
});

test('chat in JSON', async () => {
  const schema = { type: 'object', properties: { name: { type: 'string' }, parameters: { type: 'object' } } };
  for (const response_format of [
    { type: 'json_object' },
    { type: 'json_schema', json_schema: { name: 'call', schema } },
  ]) {
    const m = await client.chat.completions.create({ model: 'tiny-tools', messages, response_format });
    assert.equal(JSON.parse(m.choices[0].message.content).name, 'get_weather');
  }
});

test('chat with a picture', async () => {
  const content = [
    { type: 'text', text: 'What is it?' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } },
  ];
  const m = await client.chat.completions.create({
    model: 'tiny-chat',
    messages: [{ role: 'user', content }],
  });
  assert.equal(m.choices[0].message.content, answer);
});

test('completions', async () => {
  const m = await client.completions.create({ model: 'tiny-chat', prompt: 'hi', max_tokens: 3 });
  assert.equal(m.choices[0].text, 'Hello! I');
  const chunks = await collect(
    await client.completions.create({ model: 'tiny-chat', prompt: 'hi', stream: true }),
  );
  assert.equal(chunks.map((c) => c.choices[0].text).join(''), answer);
});

test('embeddings, as floats and packed', async () => {
  const input = ['hello world', 'zebra'];
  const floats = await client.embeddings.create({ model: 'tiny-embed', input, encoding_format: 'float' });
  assert.deepEqual(
    floats.data.map((d) => [d.index, d.embedding.length]),
    [
      [0, 64],
      [1, 64],
    ],
  );
  assert.equal(floats.usage.prompt_tokens, 19);
  const packed = await client.embeddings.create({ model: 'tiny-embed', input, encoding_format: 'base64' });
  const usual = await client.embeddings.create({ model: 'tiny-embed', input }); // asks for base64, gives floats
  for (const i of [0, 1]) {
    const bytes = new Uint8Array(Buffer.from(packed.data[i].embedding, 'base64'));
    const unpacked = Array.from(new Float32Array(bytes.buffer));
    const expected = floats.data[i].embedding.map(Math.fround);
    assert.deepEqual(unpacked, expected);
    assert.deepEqual(usual.data[i].embedding.map(Math.fround), expected);
  }
});

test('responses', async () => {
  const r = await client.responses.create({
    model: 'tiny-chat',
    instructions: 'Be kind.',
    input: 'hi',
    store: true,
    prompt_cache_key: 'a session',
  });
  assert.deepEqual([r.status, r.output_text], ['completed', answer]);
  assert.equal(r.usage.output_tokens, 27);
  assert.equal(r.usage.total_tokens, r.usage.input_tokens + 27);
});

test('responses, streamed', async () => {
  const stream = client.responses.stream({ model: 'tiny-chat', input: messages });
  let pieces = 0;
  stream.on('response.output_text.delta', () => pieces++);
  const r = await stream.finalResponse();
  assert.equal(r.output_text, answer);
  assert.ok(pieces > 20, `${pieces} pieces are no stream`);
  assert.equal(r.usage.output_tokens, 27);
});

test('responses with a tool and one of a service, and what comes of it', async () => {
  const tools = [{ type: 'web_search' }, { type: 'function', strict: false, ...weather.function }];
  const r = await client.responses.create({ model: agent, input: messages, tools });
  const call = r.output.find((item) => item.type === 'function_call');
  assert.deepEqual([call.name, JSON.parse(call.arguments)], ['get_weather', { city: 'Berlin' }]);
  const told = { type: 'function_call_output', call_id: call.call_id, output: 'rain' };
  const next = await client.responses.create({
    model: agent,
    input: [...messages, ...r.output, told],
    tools,
  });
  if (!real) assert.equal(next.output_text, 'Done: rain');
});

test('responses with a picture', async () => {
  const content = [
    { type: 'input_text', text: 'What is it?' },
    { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${picture}` },
  ];
  const r = await client.responses.create({ model: 'tiny-chat', input: [{ role: 'user', content }] });
  assert.equal(r.output_text, answer);
});

test('responses that need what is not stored', async () => {
  await assert.rejects(
    () => client.responses.create({ model: 'tiny-chat', input: 'hi', previous_response_id: 'resp_1' }),
    OpenAI.BadRequestError,
  );
});

test('models', async () => {
  const listed = (await collect(client.models.list())).map((m) => m.id);
  assert.ok(listed.includes('tiny-chat:latest') && listed.includes('tiny-embed:latest'), `${listed}`);
  const m = await client.models.retrieve('tiny-chat');
  assert.deepEqual([m.id, m.object, m.owned_by], ['tiny-chat', 'model', 'library']);
  assert.equal((await client.models.retrieve('library/tiny-chat:latest')).id, 'library/tiny-chat:latest');
  const narrow = await collect(as(narrowKey).models.list());
  assert.deepEqual(
    narrow.map((m) => m.id),
    ['tiny-chat:latest'],
  );
});

const respond = (who, model) => () => who.responses.create({ model, input: 'hi' });
const chat = (who, model) => () => who.chat.completions.create({ model, messages });

test('a wrong key', async () => {
  for (const call of [
    chat(as('pdk_wrong'), 'tiny-chat'),
    respond(as('pdk_wrong'), 'tiny-chat'),
    () => as('pdk_wrong').models.list(),
  ]) {
    await assert.rejects(
      call,
      (err) => err instanceof OpenAI.AuthenticationError && err.type === 'authentication_error',
    );
  }
});

test('an unknown model', async () => {
  const unknown = (err) =>
    err instanceof OpenAI.NotFoundError && err.message.includes("model 'nope' not found");
  await assert.rejects(chat(client, 'nope'), unknown);
  await assert.rejects(
    () => client.chat.completions.create({ model: 'nope', messages, stream: true }),
    unknown,
  );
  await assert.rejects(() => client.models.retrieve('nope'), unknown);
});

test('a forbidden model', async () => {
  const forbidden = (err) => err instanceof OpenAI.PermissionDeniedError && err.code === 'MODEL_NOT_ALLOWED';
  await assert.rejects(chat(as(narrowKey), 'tiny-tools'), forbidden);
  await assert.rejects(() => as(narrowKey).models.retrieve('tiny-tools'), forbidden);
});

test('an exceeded quota', async () => {
  await assert.rejects(chat(as(poorKey), 'tiny-chat'), (err) => {
    assert.ok(err instanceof OpenAI.RateLimitError, `${err}`);
    assert.deepEqual([err.type, err.code], ['rate_limit_error', 'QUOTA_EXCEEDED']);
    assert.match(err.message, /token quota exceeded: 0 of 0 tokens used this day; .*reset at 2/);
    return true;
  });
});

test('an exceeded quota of responses', async () => {
  await assert.rejects(respond(as(poorKey), 'tiny-chat'), (err) => {
    assert.ok(err instanceof OpenAI.RateLimitError, `${err}`);
    assert.equal(err.code, 'QUOTA_EXCEEDED');
    assert.match(err.message, /token quota exceeded: 0 of 0 tokens used this day/);
    return true;
  });
});

test('a bad request', async () => {
  await assert.rejects(
    () => client.chat.completions.create({ model: 'tiny-chat', messages, top_p: 'high' }),
    (err) => err instanceof OpenAI.BadRequestError && err.message.includes('top_p'),
  );
});

test('a path that is not served', async () => {
  await assert.rejects(() => client.files.list(), OpenAI.NotFoundError);
});

test('abort in mid-stream', async () => {
  const stream = await client.chat.completions.create({ model: 'tiny-slow', messages, stream: true });
  let pieces = 0;
  for await (const _ of stream) if (++pieces === 5) stream.controller.abort();
  assert.ok(pieces >= 5);
});

test('abort of responses in mid-stream', async () => {
  const stream = await client.responses.create({ model: 'tiny-slow', input: 'hi', stream: true });
  let pieces = 0;
  for await (const event of stream)
    if (event.type === 'response.output_text.delta' && ++pieces === 5) stream.controller.abort();
  assert.ok(pieces >= 5);
});

test('abort of an answer that is not streamed', async () => {
  const abort = new AbortController();
  const call = client.chat.completions.create({ model: 'tiny-slow', messages }, { signal: abort.signal });
  await running();
  abort.abort();
  await assert.rejects(call, OpenAI.APIUserAbortError);
});
