import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClaimBinding } from '../../dist/drivers/kubernetes/claim-binding.js';
import type { Owner } from '../../dist/drivers/kubernetes/objects.js';

const claim = { metadata: { name: 'a' }, spec: {} } as Owner;
const signal = new AbortController().signal;

/** Never bound; rejects as soon as it is not waited for any more. */
function never(_claim: Owner, until: AbortSignal) {
  return new Promise<void>((_, reject) => until.addEventListener('abort', () => reject(until.reason)));
}

/** Counts the waits; those in `late` are in vain. */
function counting(late: (wait: number) => boolean) {
  let waits = 0;
  const binding = createClaimBinding(async (one, until) => {
    if (late(waits++)) {
      await never(one, until);
    }
  }, 5);
  return { binding, waits: () => waits };
}

test('a claim that is bound is waited for', async () => {
  const { binding, waits } = counting(() => false);
  for (let i = 0; i < 10; i++) {
    await binding.settle(claim, 'fast', signal);
  }
  assert.equal(waits(), 10);
});

test('a class that was late three times in a row is not waited for any more, others are', async () => {
  const { binding, waits } = counting(() => true);
  for (let i = 0; i < 10; i++) {
    await binding.settle(claim, 'late', signal);
  }
  assert.equal(waits(), 3);
  await binding.settle(claim, 'another', signal);
  assert.equal(waits(), 4);
});

test('a class that is late now and then is waited for', async () => {
  const { binding, waits } = counting((wait) => wait % 2 === 0);
  for (let i = 0; i < 10; i++) {
    await binding.settle(claim, 'busy', signal);
  }
  assert.equal(waits(), 10);
});

test('whoever gives up is no miss', async () => {
  const { binding, waits } = counting(() => true);
  for (let i = 0; i < 5; i++) {
    await binding.settle(claim, 'x', AbortSignal.abort());
  }
  await binding.settle(claim, 'x', signal);
  assert.equal(waits(), 1);
});
