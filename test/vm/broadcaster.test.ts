import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { createBroadcaster } from '../../dist/drivers/vm/process/sandboxes/broadcaster.js';

function watching(broadcaster = createBroadcaster('test')) {
  const stop = new AbortController();
  const events = broadcaster.watch(() => [], stop.signal);
  const next = async () => {
    const { value, done } = await events.next();
    return done ? 'end' : value.type === 'platform' ? value.event.message : value.type;
  };
  return { broadcaster, stop, next };
}

test('a watcher gets what happens in order, and ends quietly', async () => {
  const { broadcaster, stop, next } = watching();
  assert.equal(await next(), 'synced');
  const waiting = next();
  broadcaster.platform('id', 'R', 'first');
  broadcaster.warning('id', 'R', 'second');
  broadcaster.deleted('id');
  assert.deepEqual([await waiting, await next(), await next()], ['first', 'second', 'deleted']);
  const last = next();
  stop.abort();
  assert.equal(await last, 'end');
});

test('a watcher that reads nothing is cut off, and the others are not', async () => {
  const { broadcaster, next } = watching();
  assert.equal(await next(), 'synced');
  const other = watching(broadcaster);
  await other.next();
  for (let i = 0; i <= 10_000; i++) {
    broadcaster.platform('id', 'R', String(i));
    assert.equal(await other.next(), String(i));
  }
  await assert.rejects(next(), { code: Code.RESOURCE_EXHAUSTED });
});
