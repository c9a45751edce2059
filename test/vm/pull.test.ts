import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { ComputeDriver, PlatformEvent } from '../../dist/compute/driver.js';
import { busyboxLayer, startRegistry } from '../conformance/registry.js';
import { becomes, execIn, makeOwnDriver, sandboxOf, stateOf, withoutMachines } from './driver.js';

const options = { skip: withoutMachines, timeout: 300_000 };
const signal = AbortSignal.timeout(300_000);

function listen(driver: ComputeDriver, until: AbortSignal): PlatformEvent[] {
  const events: PlatformEvent[] = [];
  const follow = async () => {
    for await (const event of driver.watch({ signal: until })) {
      if (event.type === 'platform') {
        events.push(event.event);
      }
    }
  };
  follow().catch(() => {});
  return events;
}

test('a guest runs from an image that a registry gave', options, async () => {
  const registry = await startRegistry(busyboxLayer());
  const home = await makeOwnDriver();
  const over = new AbortController();
  const events = listen(home.driver, over.signal);
  try {
    const sandbox = sandboxOf([], `${registry.address}/openshell/pulled:1`);
    await home.driver.create(sandbox, { signal });
    await becomes(home.driver, sandbox, 'running');
    assert.equal(await execIn(home.driver, sandbox, 'echo "$PUBLISHED"', ['/bin/busybox', 'sh']), 'first\n');
    const reasons = [...new Set(events.map(({ reason }) => reason))];
    for (const reason of ['Pulling', 'PullingLayer', 'ImagePresent']) {
      assert.ok(reasons.includes(reason), reason);
    }

    const absent = sandboxOf([], `${registry.address}/openshell/nothing:9`);
    await home.driver.create(absent, { signal });
    await becomes(home.driver, absent, 'failed');
    const failed = await stateOf(home.driver, absent);
    assert.ok(failed?.kind === 'failed');
    assert.deepEqual([failed.reason, /has no/.test(failed.message)], ['ImagePullFailed', true]);
    for (const one of [sandbox, absent]) {
      await home.driver.delete(one, { signal });
    }
    const left = (await readdir(join(dirname(home.folder), 'disks'))).filter((name) => name.startsWith('.'));
    assert.deepEqual(left, []);
  } finally {
    over.abort();
    await home.destroy();
    await registry.close();
  }
});
