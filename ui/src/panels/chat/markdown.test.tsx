import { readFileSync } from 'node:fs';
import { render, screen, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { AnswerText } from './markdown';

const show = (text: string) => render(<AnswerText text={text} growing={false} />).container;

test.each([
  ['quotes', '>'.repeat(3000)],
  ['lists', '- '.repeat(3000) + 'a'],
  ['lists line by line', Array.from({ length: 200 }, (_, i) => '  '.repeat(i) + '- a').join('\n')],
  ['emphasis', '**a '.repeat(3000) + 'b** '.repeat(3000)],
  ['images', '!['.repeat(1000) + 'a' + '](x)'.repeat(1000)],
  ['formulas', '\\(a '.repeat(3000)],
  ['length', 'word '.repeat(40_001)],
])('what nests too deep or is too long is shown as it is: %s', (_, text) => {
  const container = show(text);
  expect(container.querySelector('.whitespace-pre-wrap')).toHaveProperty('textContent', text);
  expect(container.querySelector('blockquote, li, strong, a')).toBeNull();
});

test('only the block that is tangled is plain', () => {
  show(`# Title\n\n${'[a '.repeat(60)}\n\nThe **end**`);
  expect(screen.getByRole('heading', { name: 'Title' })).toBeVisible();
  expect(screen.getByText('end')).toHaveProperty('tagName', 'STRONG');
});

test.each([
  ['table', `| a | b |\n| ${'-'.repeat(100)} | --- |\n| 1 | 2 |`, 'td'],
  ['emphasis', `${'-'.repeat(80)}\n\n${'* *bold* and [a](b) of snake_case_names\n'.repeat(200)}`, 'em'],
  ['quotes', `> > > quoted\n\n${' '.repeat(120)}indented`, 'pre'],
  ['lists', Array.from({ length: 20 }, (_, i) => '  '.repeat(i) + '- a').join('\n'), 'li'],
  ['code', '```c\n' + 'int *a;\n'.repeat(60) + '```', 'pre'],
  ['code in a list', '- so:\n  ```c\n' + '  int *a;\n'.repeat(60) + '  ```', 'pre'],
])('ordinary markdown is not taken for too much: %s', (_, text, element) => {
  const container = show(text);
  expect(container.querySelector(element)).not.toBeNull();
  expect(container.querySelector('.whitespace-pre-wrap')).toBeNull();
});

test('footnotes stand at the end, by the order of their calls', () => {
  show(
    'Sky[^b] and sea[^a].\n\n[^a]: Salt, see [this](https://a.example/).\n\n[^b]: Blue.\n\n[^c]: Never called.\n\nEnd.',
  );
  const calls = screen.getAllByRole('link', { name: /Footnote/ });
  expect(calls.map((call) => call.textContent)).toEqual(['1', '2']);
  const notes = within(screen.getByRole('list', { name: 'Footnotes' })).getAllByRole('listitem');
  expect(notes.map((note) => note.textContent)).toEqual(['Blue.', 'Salt, see this.']);
  expect(calls.map((call) => call.getAttribute('href'))).toEqual(notes.map(({ id }) => `#${id}`));
});

test('a link is found in whatever block its address is given', () => {
  show(
    'Read [the manual][m], or [m].\n\n> [M]: https://good.example/ "Manual"\n\n- [bad][b]\n\n[b]: javascript:alert(1)',
  );
  const links = screen.getAllByRole('link');
  expect(links.map((link) => [link.textContent, link.getAttribute('href')])).toEqual([
    ['the manual', 'https://good.example/'],
    ['m', 'https://good.example/'],
  ]);
});

test.each([
  String.raw`\(\int_a^b f\,dx\)`,
  String.raw`\[a_1\,*b*\; c_{2}\]`,
  String.raw`$a\,b_{1}*c_{2}*$`,
  String.raw`$$\{x\,|\,*y*\}$$`,
])('a formula shows as it is written: %s', (formula) => {
  const container = show(`So ${formula} holds, **surely**.`);
  expect(container).toHaveTextContent(`So ${formula} holds, surely.`);
  expect(container.querySelector('em')).toBeNull();
  expect(container.querySelector('strong')).not.toBeNull();
});

test('dollars of money are no formula', () => {
  const container = show('It costs $5 **not** $10, a$b$c, or $HOME/$PATH.');
  expect(container.querySelector('code')).toBeNull();
  expect(container.querySelector('strong')).toHaveTextContent('not');
});

const styleOf = (item: Element) =>
  getComputedStyle(item).listStyle || getComputedStyle(item.parentElement!).listStyle;

test('only the items that are tasks stand without a bullet', () => {
  const sheet = document.head.appendChild(document.createElement('style'));
  sheet.textContent = readFileSync('src/markdown.css', 'utf8');
  show('- [x] done\n- plain\n- [ ] open');
  const items = screen.getAllByRole('listitem');
  expect(items.map(styleOf)).toEqual(['none', 'disc', 'none']);
  sheet.remove();
});
