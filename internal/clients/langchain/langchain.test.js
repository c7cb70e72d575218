import assert from 'node:assert/strict';
import test from 'node:test';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { agent, answer, key, picture, poorKey, real, url, weather } from '../npm/setup.js';

// What each class makes of a key and a model.
const openAI = (more) => (apiKey, model) =>
  new ChatOpenAI({ model, apiKey, maxRetries: 0, configuration: { baseURL: `${url}/v1` }, ...more });
const classes = {
  'ChatOpenAI, chat': openAI({}),
  'ChatOpenAI, responses': openAI({ useResponsesApi: true }),
  ChatOllama: (apiKey, model) =>
    new ChatOllama({ model, baseUrl: url, headers: { Authorization: `Bearer ${apiKey}` }, maxRetries: 0 }),
};

for (const [name, as] of Object.entries(classes)) {
  test(`${name}: text`, async () => {
    const m = await as(key, 'tiny-chat').invoke('hi');
    assert.equal(m.text, answer);
    assert.equal(m.usage_metadata.output_tokens, 27);
  });

  test(`${name}: text, streamed`, async () => {
    let text = '';
    let pieces = 0;
    for await (const m of await as(key, 'tiny-chat').stream('hi')) {
      text += m.text;
      pieces++;
    }
    assert.equal(text, answer);
    assert.ok(pieces > 20, `${pieces} pieces are no stream`);
  });

  test(`${name}: a tool, and what comes of it`, async () => {
    const model = as(key, agent).bindTools([weather]);
    const asked = new HumanMessage('hi');
    const m = await model.invoke([asked]);
    const [call] = m.tool_calls;
    assert.deepEqual([call.name, call.args], ['get_weather', { city: 'Berlin' }]);
    const told = new ToolMessage({ tool_call_id: call.id, name: call.name, content: 'rain in Berlin' });
    const next = await model.invoke([asked, m, told]);
    if (!real) assert.match(next.text, /^Done: rain in Berlin/);
  });

  test(`${name}: a picture`, async () => {
    const content = [
      { type: 'text', text: 'What is it?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } },
    ];
    const m = await as(key, 'tiny-chat').invoke([new HumanMessage({ content })]);
    assert.equal(m.text, answer);
  });

  test(`${name}: abort in mid-stream`, async () => {
    const abort = new AbortController();
    let pieces = 0;
    await assert.rejects(async () => {
      for await (const _ of await as(key, 'tiny-slow').stream('hi', { signal: abort.signal }))
        if (++pieces === 5) abort.abort();
    });
    assert.ok(pieces >= 5);
  });

  test(`${name}: refusals`, async () => {
    await assert.rejects(as('pdk_wrong', 'tiny-chat').invoke('hi'), /API key is needed/);
    await assert.rejects(as(poorKey, 'tiny-chat').invoke('hi'), /quota exceeded: 0 of 0 tokens/);
    await assert.rejects(as(key, 'nope').invoke('hi'), /model 'nope' not found/);
  });
}

const embeddings = {
  OpenAIEmbeddings: new OpenAIEmbeddings({
    model: 'tiny-embed',
    apiKey: key,
    configuration: { baseURL: `${url}/v1` },
  }),
  OllamaEmbeddings: new OllamaEmbeddings({
    model: 'tiny-embed',
    baseUrl: url,
    headers: { Authorization: `Bearer ${key}` },
  }),
};

for (const [name, model] of Object.entries(embeddings))
  test(name, async () => {
    const two = await model.embedDocuments(['hello world', 'zebra']);
    assert.deepEqual(
      two.map((e) => e.length),
      [64, 64],
    );
  });
