import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { Code } from '../../dist/compute/errors.js';
import podman from '../../dist/drivers/podman/entry.js';
import { podmanDriver } from '../conformance/podman-bed.js';
import { podmanService } from '../conformance/podman-service.js';
import { watchLog } from '../conformance/watch-log.js';
import { tableOf } from '../support/driver-context.js';
import { run } from '../support/run.js';
import { aSandbox, type SpecChange } from '../support/sandboxes.js';
import { onBothKinds } from './kinds.js';

await onBothKinds('podman restart', ({ bed, kind }) => {
  const service = podmanService(kind, 'restart');

  test('the service goes away and comes back while sandboxes run', { timeout: 120_000 }, async (t) => {
    const { signal } = t;
    const gatewayId = randomUUID();
    await service.start();
    let driver: ComputeDriver | undefined;
    try {
      driver = await podmanDriver(service.socket, gatewayId);
      const { create, list } = driver;
      const running = async (change: SpecChange) => {
        const sandbox = aSandbox(bed.images.shell, change);
        await create(sandbox, { signal });
        return sandbox;
      };
      const stays = await running({});
      const ends = await running({
        command: ['sh', '-c', 'while ! test -e end; do sleep 0.1; done; exit 7'],
      });
      const watch = watchLog(driver);
      await watch.synced();
      await run(driver, stays, ['sh', '-c', 'echo kept > file']);
      const before = await watch.sees(stays.id, 'running');
      await run(driver, ends, ['sh', '-c', '(sleep 1; touch end) >/dev/null 2>&1 &']);

      await service.end();
      const error = (await watch.ended) as { code?: number };
      assert.equal(error?.code, Code.UNAVAILABLE, 'the watch throws');
      await assert.rejects(list({ signal }), { code: Code.UNAVAILABLE });
      const settings = tableOf(podman.settings, { engine_socket: service.socket });
      const found = await podman.probe({ settings, env: process.env, signal });
      assert.equal(found.state, 'unavailable');
      const reason = (found.state === 'unavailable' && found.reason) || '';
      assert.match(reason, /service is not running: start it with/);

      await service.start();
      const again = watchLog(driver);
      await again.synced();
      const after = await again.sees(stays.id, 'running');
      assert.equal(after.status.instanceId, before.status.instanceId, 'the main process lived on');
      assert.equal((await run(driver, stays, ['cat', 'file'])).stdout, 'kept\n');
      const state = observedState((await again.sees(ends.id, 'exited')).status);
      assert.equal(state.kind === 'exited' && state.exitCode, 7, 'what ended meanwhile is seen');
      await driver.delete(stays, { signal });
      await again.seesDeleted(stays.id);
      await again.stop();
    } finally {
      await driver?.close();
      await bed.cleanup(gatewayId);
      await service.end();
    }
  });
});
