import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQuantity } from '../../dist/kit/quantity.js';

test('a quantity is a number, or nothing', () => {
  const cases: [string, number | undefined][] = [
    ['2', 2],
    ['500m', 0.5],
    ['+.5', 0.5],
    ['1.', 1],
    ['1Ki', 1024],
    ['2Gi', 2 * 2 ** 30],
    ['3k', 3000],
    ['1e3', 1000],
    ['1E', 1e18],
    ['0', 0],
    ['-1', undefined],
    ['', undefined],
    ['.', undefined],
    ['1e999', undefined],
    ['1 Gi', undefined],
    ['1ki', undefined],
    ['Infinity', undefined],
  ];
  for (const [text, value] of cases) {
    assert.equal(parseQuantity(text), value, text);
  }
});
