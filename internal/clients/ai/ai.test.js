import assert from 'node:assert/strict';
import test from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embedMany, generateText, stepCountIs, streamText, tool } from 'ai';
import { createOllama } from 'ollama-ai-provider-v2';
import { z } from 'zod';
import { agent, answer, key, picture, poorKey, real, url } from '../npm/setup.js';

// What each provider makes of a key and a model.
const providers = {
  '@ai-sdk/openai, responses': (apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey }),
  '@ai-sdk/openai, chat': (apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat,
  '@ai-sdk/openai-compatible': (apiKey) =>
    createOpenAICompatible({ name: 'paddock', baseURL: `${url}/v1`, apiKey, includeUsage: true }),
  '@ai-sdk/anthropic': (apiKey) => createAnthropic({ baseURL: `${url}/v1`, apiKey }),
  'ollama-ai-provider-v2': (apiKey) =>
    createOllama({ baseURL: `${url}/api`, headers: { Authorization: `Bearer ${apiKey}` } }),
};

const weather = tool({
  description: 'weather',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => `rain in ${city}`,
});

for (const [name, as] of Object.entries(providers)) {
  const model = as(key);

  test(`${name}: text`, async () => {
    const { text, usage } = await generateText({ model: model('tiny-chat'), prompt: 'hi' });
    assert.equal(text, answer);
    assert.equal(usage.outputTokens, 27);
  });

  test(`${name}: text, streamed`, async () => {
    const answered = streamText({ model: model('tiny-chat'), prompt: 'hi' });
    let pieces = 0;
    let text = '';
    for await (const piece of answered.textStream) {
      pieces++;
      text += piece;
    }
    assert.equal(text, answer);
    assert.ok(pieces > 20, `${pieces} pieces are no stream`);
    assert.equal((await answered.usage).outputTokens, 27);
  });

  test(`${name}: a tool, and what comes of it`, async () => {
    const { steps, text } = await generateText({
      model: model(agent),
      prompt: 'hi',
      tools: { get_weather: weather },
      stopWhen: stepCountIs(2),
    });
    assert.deepEqual(steps[0].toolCalls[0].input, { city: 'Berlin' });
    if (!real) assert.match(text, /^Done: .*rain in Berlin/);
  });

  test(`${name}: a picture`, async () => {
    const content = [
      { type: 'text', text: 'What is it?' },
      { type: 'image', image: picture, mediaType: 'image/png' },
    ];
    const { text } = await generateText({ model: model('tiny-chat'), messages: [{ role: 'user', content }] });
    assert.equal(text, answer);
  });

  test(`${name}: abort in mid-stream`, async () => {
    const abort = new AbortController();
    const answered = streamText({ model: model('tiny-slow'), prompt: 'hi', abortSignal: abort.signal });
    let pieces = 0;
    for await (const _ of answered.textStream) if (++pieces === 5) abort.abort();
    assert.ok(pieces >= 5);
  });

  const refused = (model, status, pattern) =>
    assert.rejects(generateText({ model, prompt: 'hi', maxRetries: 0 }), (err) => {
      assert.ok(APICallError.isInstance(err), `${err}`);
      assert.equal(err.statusCode, status);
      assert.match(err.message + err.responseBody, pattern);
      return true;
    });

  test(`${name}: refusals`, async () => {
    await refused(as('pdk_wrong')('tiny-chat'), 401, /API key is needed/);
    await refused(as(poorKey)('tiny-chat'), 429, /quota exceeded: 0 of 0 tokens/);
    await refused(model('nope'), 404, /model 'nope' not found/);
  });
}

test('embeddings', async () => {
  const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
  const { embeddings } = await embedMany({
    model: openai.embedding('tiny-embed'),
    values: ['hello world', 'zebra'],
  });
  assert.deepEqual(
    embeddings.map((e) => e.length),
    [64, 64],
  );
});
