import { expect, test } from 'vitest';
import { toCsv, toJson } from './export';

const embedded = [
  { number: 1, text: 'a, "b"\nc', values: [Math.fround(0.1), -1, 0] },
  { number: 2, text: '=HYPERLINK("x")', values: [Math.fround(1 / 3), Math.fround(1e-9), 0.5] },
];

test('JSON gives inputs and vectors, without digits that single precision does not have', () => {
  expect(toJson('tiny-embed', embedded)).toBe(
    '{"model":"tiny-embed","embeddings":[' +
      String.raw`{"input":"a, \"b\"\nc","values":[0.1,-1,0]},` +
      String.raw`{"input":"=HYPERLINK(\"x\")","values":[0.33333334,1e-9,0.5]}` +
      ']}\n',
  );
});

test('JSON loses nothing of the vectors', () => {
  const values = Array.from({ length: 500 }, (_, i) => Math.fround(Math.sin(i * i) / 7));
  const [back] = JSON.parse(toJson('m', [{ number: 1, text: '', values }])).embeddings;
  expect(back.values.map(Math.fround)).toEqual(values);
});

test('CSV gives a row for each input, and no spreadsheet runs it', () => {
  expect(toCsv(embedded)).toBe(
    '"input","v1","v2","v3"\r\n' +
      '"a, ""b""\nc",0.1,-1,0\r\n' +
      `"'=HYPERLINK(""x"")",0.33333334,1e-9,0.5\r\n`,
  );
});
