import { expect, test } from 'vitest';
import { type Block, Reader } from './reader';

/** What was read last when the text came a character at a time. */
function grown(text: string): Block[] | undefined {
  const reader = new Reader();
  for (let end = 1; end < text.length; end++) reader.read(text.slice(0, end), true);
  return reader.read(text, false);
}

const shape = (blocks: Block[] | undefined) =>
  JSON.stringify(blocks, (name, value: unknown) => (name === 'position' ? undefined : value));

test.each([
  'One *two*\nthree\n\n- a\n- b\n\n  c\n\nEnd',
  '1. a\n\n2. b\n\n10',
  'a\n#tag\n\n> b\n#tag',
  'a\n***bold*** b\n```x``` c',
  'a\nx | y\n- | -\n1 | 2',
  'a\nx | y\n- | -z',
  '[a]: x\n"title"\n\nSee [a] and [b] and [^n].\n\n[b]: y\n[^n]: Of *note*\n\n    more\n\nEnd',
  '```go\nfunc f() {\n\n}\n```\nand\n\n    code\n\n\tmore',
  'First [x].\r\n\r\nThen.\r\n\r\n[x]: https://a.example/',
  '<div>\n\n*b*\n\n<!-- c\n\nd --> e\n\n$$a\n\\,b$$',
])('what comes bit by bit is read as the whole is: %#', (text) => {
  expect(shape(grown(text))).toBe(shape(new Reader().read(text, false)));
});

test('a block that is finished stays the same object, until what it refers to is defined', () => {
  const reader = new Reader();
  const read = (text: string, growing = true) => reader.read(text, growing)!;
  const first = read('One\n\nTwo [a]\n\nThr');
  const second = read('One\n\nTwo [a]\n\nThree\n\n[a]: https://a.ex');
  expect(second.slice(0, 2)).toEqual(first.slice(0, 2));
  expect(second[0]).toBe(first[0]);
  expect(second[1]).toBe(first[1]);
  const third = read('One\n\nTwo [a]\n\nThree\n\n[a]: https://a.example/\n\nFour', false);
  expect(third[0]).toBe(first[0]);
  expect(third[1]!.links).toMatchObject([{ url: 'https://a.example/' }]);
  expect(read('Another')).toMatchObject([{ source: 'Another', links: [] }]);
});
