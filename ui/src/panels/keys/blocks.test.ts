import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Access, clients } from './blocks';

const access: Access = { origin: 'https://gate.example.com:8443', key: 'pdk_abc_secret', model: 'qwen3:8b' };

/** What is pasted for a client, all of it. */
function textFor(id: string, more: Partial<Access> = {}): string {
  const { blocks } = clients.find((client) => client.id === id)!;
  return blocks({ ...access, ...more })
    .map(({ text }) => text)
    .join('\n');
}

test.each(clients.map(({ id }) => id))('%s is told the address and the key, once', (id) => {
  const text = textFor(id);
  expect(
    text.match(/https:..(x:pdk_abc_secret@)?gate\.example\.com:8443(\/v1)?(?=["'\s/]|$)/g),
  ).not.toBeNull();
  expect(text.split('pdk_abc_secret')).toHaveLength(2);
  expect(text.split('qwen3:8b').length > 1).toBe(id !== 'url');
});

const inREADME = ['claude-code', 'codex', 'opencode', 'qwen-code', 'anthropic', 'javascript', 'go'];

test.each(inREADME)('README.md shows the same for %s', (id) => {
  const readme = readFileSync('../README.md', 'utf8');
  const { blocks } = clients.find((client) => client.id === id)!;
  const shown: Access = { origin: 'http://127.0.0.1:8080', key: 'pdk_…', model: 'qwen3-coder' };
  for (const { file, text } of blocks(shown)) {
    expect(readme).toContain(`\n${text}\n\`\`\`\n`);
    expect(readme).toContain(file ? `In \`${file}\`:\n` : '');
  }
});

test.each(['claude-code', 'anthropic'])('%s finds its version of the API by itself', (id) => {
  expect(textFor(id)).not.toContain('/v1');
});

test.each(['codex', 'opencode'])('what %s keeps in a file has no key in it', (id) => {
  const { blocks } = clients.find((client) => client.id === id)!;
  const [config, shell] = blocks(access);
  expect(config!.file).toBeDefined();
  expect(config!.text).not.toContain(access.key);
  expect(shell!.text).toContain(`export PADDOCK_API_KEY=${access.key}\n`);
});

test('what OpenCode keeps is JSON', () => {
  const [config] = clients.find(({ id }) => id === 'opencode')!.blocks(access);
  const { model, provider } = JSON.parse(config!.text);
  expect(model).toBe('paddock/qwen3:8b');
  expect(provider.paddock.options.baseURL).toBe('https://gate.example.com:8443/v1');
  expect(provider.paddock.models).toEqual({ 'qwen3:8b': {} });
});

test('the key stands in the address where there is no other place for it', () => {
  expect(textFor('url')).toBe('https://x:pdk_abc_secret@gate.example.com:8443');
});

test.each(clients.filter(({ embeds }) => embeds).map(({ id }) => id))('%s makes embeddings', (id) => {
  const text = textFor(id, { model: 'bge-m3', embeds: true });
  expect(text).not.toMatch(/messages|chat/);
});
