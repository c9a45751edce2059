import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { exitedConditions } from '../../dist/compute/conditions.js';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { silentLogger } from '../../dist/compute/log.js';
import type { ObservedSandbox } from '../../dist/compute/sandbox.js';
import { createManagedDriver } from '../../dist/gateway/drivers/managed.js';
import { createController } from '../../dist/gateway/lifecycle/controller.js';
import { createHub } from '../../dist/gateway/lifecycle/hub.js';
import { openStore } from '../../dist/store/sqlite/open-store.js';
import { methods as api } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { startTestGateway, tempFolder } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

test('a list that has aged until it is gone through changes nothing', async (t) => {
  const folder = await tempFolder();
  t.after(folder.remove);
  const engine = createFakeEngine();
  const first = await startTestGateway(folder.path, [engine.entry()]);
  const { sandbox } = await first.client.unary(api.createSandbox, {
    name: 'one',
    spec: { command: ['serve'] },
  });
  const id = sandbox?.metadata?.id ?? '';
  await eventually('it runs', () => engine.resources.get(id)?.runs === 1);
  await first.close();

  const store = await openStore({ path: join(folder.path, 'openshell.db') });
  t.after(() => store.close());
  const module = await engine.entry().load();
  const driver: ComputeDriver = await module.createDriver({} as Parameters<typeof module.createDriver>[0]);
  const aged = (shown: ObservedSandbox): ObservedSandbox => ({
    ...shown,
    status: { ...shown.status, instanceId: `${id}#0`, conditions: exitedConditions(3) },
  });
  let rounds = 0;
  const controller = createController({
    store,
    hub: createHub(),
    namespace: 'default',
    log: silentLogger,
    tuning: { reconcileEveryMs: 5 },
    observeReconcile: () => {
      rounds++;
    },
    drivers: new Map([
      [
        'fake',
        createManagedDriver({
          ...{ name: 'fake', external: false, engineVersion: '', log: silentLogger },
          create: async () => ({
            ...driver,
            list: async (options) => (await driver.list(options)).map(aged),
          }),
        }),
      ],
    ]),
  });
  t.after(() => controller.close(0));
  controller.start();
  // The first is the watch's own picture; the others are lists.
  await eventually('some lists have been gone through', () => rounds >= 4);
  assert.equal((await store.getSandbox(id))?.phase, 'running');
});
