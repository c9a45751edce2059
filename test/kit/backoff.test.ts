import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBackoff } from '../../dist/kit/backoff.js';

test('waits double up to the most, and begin again after a reset', () => {
  const backoff = createBackoff(100, 500, () => 0);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => backoff.next()),
    [100, 200, 400, 500, 500],
  );
  backoff.reset();
  assert.equal(backoff.next(), 100);
});

test('chance takes away up to half of a wait', () => {
  assert.equal(createBackoff(100, 500, () => 1).next(), 50);
  const waits = new Set(Array.from({ length: 100 }, () => createBackoff(10_000, 10_000).next()));
  assert.ok(waits.size > 50);
  for (const wait of waits) {
    assert.ok(wait >= 5_000 && wait <= 10_000);
  }
});
