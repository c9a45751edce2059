import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import type { DriverEvent } from '../../dist/compute/driver.js';
import { createCache } from '../../dist/drivers/kubernetes/cache.js';
import type { ContainerState, Pod } from '../../dist/drivers/kubernetes/objects.js';
import type { Objects } from '../../dist/drivers/kubernetes/pod-status.js';
import { observeObjects } from '../../dist/drivers/kubernetes/pod-status.js';
import { GATEWAY, podWith } from './fixtures.js';

const ID = 'id-1';
const labels = { 'openshell.ai/gateway-id': GATEWAY, 'openshell.ai/sandbox-id': ID };
function pod(state: ContainerState, uid = 'u1'): Pod {
  return podWith({ phase: 'Running', containerStatuses: [{ name: 'agent', state }] }, { labels, uid });
}

function owner(state: string) {
  return {
    metadata: { name: 'team--box', labels, annotations: { 'openshell.ai/state': state } },
    spec: {},
  };
}

const exited: ContainerState = { terminated: { exitCode: 3 } };

async function open(confirm: () => Objects = () => ({ pod: undefined, owner: undefined })) {
  const said: string[] = [];
  const tell = (event: DriverEvent): string =>
    event.type === 'sandbox' ? observedState(event.sandbox.status).kind : event.type;
  const cache = createCache({
    observe: (objects) => observeObjects(objects, { scheduleTimeoutMs: 1000, now: Date.now }),
    confirm: async () => confirm(),
    emit: async (event) => void said.push(tell(event)),
  });
  return { cache, said };
}

async function synced(confirm?: () => Objects) {
  const opened = await open(confirm);
  await opened.cache.pods({ type: 'list', items: [] });
  await opened.cache.owners({ type: 'list', items: [] });
  opened.said.length = 0;
  return opened;
}

describe('the cache of two watches', () => {
  test('is whole when both have listed', async () => {
    const { cache, said } = await open();
    await cache.pods({ type: 'list', items: [pod({ running: {} })] });
    assert.deepEqual(said, []);
    await cache.owners({ type: 'list', items: [owner('started')] });
    assert.deepEqual(said, ['running', 'synced']);
  });

  test('shows that a process ran, also when its end is the first that is heard', async () => {
    const { cache, said } = await synced();
    await cache.pods({ type: 'put', object: pod({ waiting: {} }) });
    await cache.pods({ type: 'put', object: pod(exited) });
    await cache.pods({ type: 'put', object: pod(exited) });
    assert.deepEqual(said, ['provisioning', 'running', 'exited']);
    await cache.pods({ type: 'gone', object: pod(exited) });
    await cache.pods({ type: 'put', object: pod(exited, 'u2') });
    assert.deepEqual(said.slice(3), ['deleted', 'running', 'exited']);
  });

  test('asks before it says that a Pod is missing', async () => {
    const here = pod({ running: {} });
    const { cache, said } = await synced(() => ({ pod: here, owner: owner('started') }));
    await cache.owners({ type: 'put', object: owner('started') });
    assert.deepEqual(said, ['running']);

    const gone = await synced(() => ({ pod: undefined, owner: owner('started') }));
    await gone.cache.owners({ type: 'put', object: owner('started') });
    assert.deepEqual(gone.said, ['failed']);
  });

  test('after a new list, tells what went meanwhile', async () => {
    const { cache, said } = await synced();
    await cache.pods({ type: 'put', object: pod({ running: {} }) });
    await cache.pods({ type: 'list', items: [] });
    assert.deepEqual(said, ['running', 'deleted']);
  });

  test('keeps an Event until its Pod is known', async () => {
    const { cache, said } = await synced();
    const event = { metadata: { name: 'e' }, involvedObject: { uid: 'u1' }, reason: 'Scheduled' };
    await cache.events({ type: 'put', object: event });
    assert.deepEqual(said, []);
    await cache.pods({ type: 'put', object: pod({ waiting: {} }) });
    assert.deepEqual(said, ['platform', 'provisioning']);
  });
});
