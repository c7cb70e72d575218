import { expect, test } from 'vitest';
import { randomPassword } from './random-password';
import { strengthOf } from './strength';

test.each([
  ['kettle', 0],
  ['passwordpassword', 0],
  ['abcdefghijklmnop', 0],
  ['qwertyuiop123456', 0],
  ['aaaaaaaaaaaaaaaa', 0],
  ['grace.hopper@example.com', 0],
  ['three odd teapots', 2],
  ['three odd teapots sing quietly', 3],
])('%s is worth %i', (password, level) => {
  expect(strengthOf(password, ['grace.hopper@example.com', 'Grace Hopper']).level).toBe(level);
});

test('the whole email counts for nothing, whatever words are in it', () => {
  expect(strengthOf('al.b@my.paddock.co', ['al.b@my.paddock.co']).level).toBe(0);
});

test('a suggested password is strong, and another every time', () => {
  const [one, other] = [randomPassword(), randomPassword()];
  expect(strengthOf(one).level).toBe(3);
  expect(one).not.toBe(other);
});
