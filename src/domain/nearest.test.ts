import { expect, test } from 'vitest';
import { nearest, suggestion } from './nearest.ts';

const known = ['sources', 'stores', 'schedule', 'path', 'keep'];

test.each([
  ['pth', 'path'],
  ['store', 'stores'],
  ['shcedule', 'schedule'],
  ['KEEP', 'keep'],
  ['retention', undefined],
  ['', undefined],
])('nearest() to %s is %s', (word, expected) => {
  expect(nearest(word, known)).toBe(expected);
});

test('suggestion() lists what is known when nothing is near', () => {
  expect(suggestion('retention', ['last', 'days'])).toBe('; known: last, days');
  expect(suggestion('dais', ['last', 'days'])).toBe('; did you mean "days"?');
  expect(suggestion('x', [])).toBe('');
});
