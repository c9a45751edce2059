import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEventQueue, type FeedItem } from '../../dist/drivers/container/event-queue.js';
import { toArray } from '../support/streams.js';

function look(containerId: string): FeedItem {
  return { type: 'look', containerId, sandboxId: 's' };
}

function news(message: string): FeedItem {
  return {
    type: 'platform',
    sandboxId: 's',
    event: { timestampMs: 0, source: 'test', type: 'Normal', reason: 'R', message, metadata: {} },
  };
}

test('a look that waits already is not queued twice', async () => {
  const feed = createEventQueue();
  for (const id of ['a', 'b', 'a', 'a']) {
    feed.push(look(id));
  }
  feed.end();
  assert.deepEqual(await toArray(feed), [look('a'), look('b')]);
});

test('a look that was fetched may come again', async () => {
  const feed = createEventQueue();
  const items = feed[Symbol.asyncIterator]();
  feed.push(look('a'));
  assert.deepEqual((await items.next()).value, look('a'));
  const waiting = items.next();
  feed.push(look('a'));
  assert.deepEqual((await waiting).value, look('a'));
});

test('the oldest news go when nobody fetches them; looks stay', async () => {
  const feed = createEventQueue();
  feed.push(look('a'));
  for (let i = 0; i < 1_100; i++) {
    feed.push(news(String(i)));
  }
  feed.end();
  const all = await toArray(feed);
  assert.equal(all.length, 1_025);
  assert.deepEqual(all[0], look('a'));
  assert.deepEqual(all[1], news('76'));
});

test('what is queued comes before the error that ends it', async () => {
  const feed = createEventQueue();
  feed.push(look('a'));
  feed.end(new Error('broken'));
  const items = feed[Symbol.asyncIterator]();
  assert.deepEqual((await items.next()).value, look('a'));
  await assert.rejects(items.next(), /broken/);
});
