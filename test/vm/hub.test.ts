import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { createHub } from '../../dist/drivers/vm/process/sandboxes/hub.js';

function watching(hub = createHub('test')) {
  const stop = new AbortController();
  const events = hub.watch(() => [], stop.signal);
  const next = async () => {
    const { value, done } = await events.next();
    return done ? 'end' : value.type === 'platform' ? value.event.message : value.type;
  };
  return { hub, stop, next };
}

test('a watcher gets what happens in order, and ends quietly', async () => {
  const { hub, stop, next } = watching();
  assert.equal(await next(), 'synced');
  const waiting = next();
  hub.platform('id', 'R', 'first');
  hub.warning('id', 'R', 'second');
  hub.deleted('id');
  assert.deepEqual([await waiting, await next(), await next()], ['first', 'second', 'deleted']);
  const last = next();
  stop.abort();
  assert.equal(await last, 'end');
});

test('a watcher that reads nothing is cut off, and the others are not', async () => {
  const { hub, next } = watching();
  assert.equal(await next(), 'synced');
  const other = watching(hub);
  await other.next();
  for (let i = 0; i <= 10_000; i++) {
    hub.platform('id', 'R', String(i));
    assert.equal(await other.next(), String(i));
  }
  await assert.rejects(next(), { code: Code.RESOURCE_EXHAUSTED });
});
