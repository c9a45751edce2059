import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitedConditions, runningConditions } from '../../dist/compute/conditions.js';
import { createEmitted, type Seen } from '../../dist/drivers/container/emitted.js';

function seen(run: number, runs: boolean): Seen {
  return {
    containerId: 'c',
    startedAt: '2026-01-01T00:00:00Z',
    sandbox: {
      ...{ id: '1', name: 'a', workspace: 'default', namespace: 'default' },
      status: {
        resourceName: 'a',
        instanceId: `c#${run}`,
        conditions: runs ? runningConditions() : exitedConditions(0),
        deleting: false,
      },
    } as Seen['sandbox'],
  };
}

function word(type: 'look' | 'started') {
  return { type, containerId: 'c', sandboxId: '1' };
}

test('a start is news unless the container was shown running, an end always', () => {
  const published = createEmitted();
  assert.ok(published.isNews(word('started')));
  Array.from(published.update(seen(1, true)));
  assert.equal(published.isNews(word('started')), false);
  assert.ok(published.isNews(word('look')));
  Array.from(published.update(seen(1, false)));
  assert.ok(published.isNews(word('started')));
});

test('what is late about a container that is gone is no news', () => {
  const published = createEmitted();
  Array.from(published.update(seen(1, true)));
  Array.from(published.removeSandbox('1'));
  assert.equal(published.isNews(word('look')), false);
  assert.equal(published.isNews(word('started')), false);
});
