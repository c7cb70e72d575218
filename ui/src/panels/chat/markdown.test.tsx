import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { AnswerText } from './markdown';
import { isTangled, isTooMuch } from './nesting';

test.each([
  ['quotes', '>'.repeat(3000)],
  ['lists', '- '.repeat(3000) + 'a'],
  ['lists line by line', Array.from({ length: 200 }, (_, i) => '  '.repeat(i) + '- a').join('\n')],
  ['emphasis', '**a '.repeat(3000) + 'b** '.repeat(3000)],
  ['images', '!['.repeat(1000) + 'a' + '](x)'.repeat(1000)],
  ['length', 'word '.repeat(40_001)],
])('what nests too deep or is too long is shown as it is: %s', (_, text) => {
  const { container } = render(<AnswerText text={text} growing={false} />);
  expect(container.querySelector('.whitespace-pre-wrap')).toHaveProperty('textContent', text);
  expect(container.querySelector('blockquote, li, strong, a')).toBeNull();
});

test('only the block that is tangled is plain', () => {
  render(<AnswerText text={`# Title\n\n${'[a '.repeat(60)}\n\nThe **end**`} growing={false} />);
  expect(screen.getByRole('heading', { name: 'Title' })).toBeVisible();
  expect(screen.getByText('end')).toHaveProperty('tagName', 'STRONG');
});

test.each([
  `| a | b |\n| ${'-'.repeat(100)} | --- |\n| 1 | 2 |`,
  `${'-'.repeat(80)}\n\n${'* *bold* and [a](b) of snake_case_names\n'.repeat(200)}`,
  `> > > quoted\n\n${' '.repeat(120)}indented`,
  Array.from({ length: 20 }, (_, i) => '  '.repeat(i) + '- a').join('\n'),
])('ordinary markdown is not taken for too much: %#', (text) => {
  expect(isTooMuch(text) || isTangled(text)).toBe(false);
});
