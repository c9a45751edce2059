import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exitedConditions, runningConditions, suspendedConditions } from '../../dist/compute/conditions.js';
import type { ComputeDriver, PlatformEvent } from '../../dist/compute/driver.js';
import type { DriverEntry } from '../../dist/compute/entry.js';
import { unavailable } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import type { ObservedSandbox } from '../../dist/compute/sandbox.js';
import { createManagedDriver } from '../../dist/gateway/drivers/managed.js';
import { createController, type LifecycleTuning } from '../../dist/gateway/lifecycle/controller.js';
import { createSandboxEvents } from '../../dist/gateway/lifecycle/sandbox-events.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { warningsInto } from '../support/logger.js';
import { eventually } from '../support/wait.js';

test('a list that has aged until it is gone through changes nothing', async (t) => {
  const folder = tempFolder();
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
  const driver = engine.driver();
  const aged = (shown: ObservedSandbox): ObservedSandbox => ({
    ...shown,
    status: { ...shown.status, instanceId: `${id}#0`, conditions: exitedConditions(3) },
  });
  let rounds = 0;
  const controller = createController({
    store,
    sandboxEvents: createSandboxEvents(),
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

/** A gateway over a fake engine, and the lines that it logs at `warn`. */
async function gatewayWith(t: TestContext, lifecycle: LifecycleTuning = {}) {
  const folder = tempFolder();
  t.after(folder.remove);
  const engine = createFakeEngine();
  const warnings: string[] = [];
  const running = await startTestGateway(folder.path, [engine.entry()], {
    lifecycle: { reconcileEveryMs: 50, ...lifecycle },
    metricsBindAddress: '127.0.0.1:0',
    log: warningsInto(warnings),
  });
  t.after(() => running.close());
  const metrics = async () => (await fetch(`http://${running.gateway.metricsAddress}/metrics`)).text();
  const create = async (name: string) => {
    const { sandbox } = await running.client.unary(api.createSandbox, { name });
    const id = sandbox?.metadata?.id ?? '';
    await eventually(`${name} runs`, () => phaseOf(name).then((phase) => phase === SandboxPhase.READY));
    return id;
  };
  const phaseOf = async (name: string) =>
    (await running.client.unary(api.getSandbox, { name })).sandbox?.status?.phase;
  const lists = () => engine.calls.filter((call) => call.startsWith('list')).length;
  return { folder, engine, running, warnings, metrics, create, phaseOf, lists };
}

test('reconciles of a driver never overlap, and one that fails is a warning and a metric', async (t) => {
  const { engine, warnings, metrics, lists } = await gatewayWith(t, { deadlines: { query: 300 } });
  await eventually('a list', () => lists() > 0);
  let inFlight = 0;
  let most = 0;
  engine.before = async (call, _, signal) => {
    if (call !== 'list') {
      return;
    }
    most = Math.max(most, ++inFlight);
    // It hangs: six periods are over before it is cut.
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    inFlight--;
  };
  await eventually('some have failed', async () =>
    /openshell_reconcile_total\{driver="fake",outcome="failure"\} [3-9]/.test(await metrics()),
  );
  assert.equal(most, 1);
  assert.ok(
    warnings.some((line) => /reconcile failed: .*'list' within 0.3 s/.test(line)),
    warnings[0],
  );
});

test("a watch's own picture takes the place of a list that is gone through", async (t) => {
  const { engine, create, phaseOf, lists } = await gatewayWith(t);
  const id = await create('one');
  engine.before = (call, _, signal) =>
    call === 'list' ? new Promise((resolve) => signal.addEventListener('abort', () => resolve())) : undefined;
  const before = lists();
  await eventually('a list hangs', () => lists() > before);
  engine.resources.delete(id);
  engine.breakWatches();
  await eventually('the watch was heard', () => phaseOf('one').then((phase) => phase === SandboxPhase.ERROR));
});

test('the removal of what a tombstone names holds no watch up', async (t) => {
  const { engine, running, create, phaseOf } = await gatewayWith(t);
  const id = await create('old');
  const resource = engine.resources.get(id);
  assert.ok(resource);
  await running.client.unary(api.deleteSandbox, { name: 'old' });
  await eventually(
    'gone',
    () =>
      !engine.resources.has(id) &&
      phaseOf('old').then(
        () => false,
        () => true,
      ),
  );
  engine.before = (call, ref, signal) =>
    call === 'delete' && ref === id
      ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      : undefined;
  engine.resources.set(id, resource);
  const deletes = () => engine.calls.filter((call) => call === `delete ${id}`).length;
  const before = deletes();
  engine.breakWatches();
  await eventually('the removal hangs', () => deletes() > before);
  const other = await create('new');
  engine.exit(other, 3);
  await eventually('the watch goes on', () => phaseOf('new').then((phase) => phase === SandboxPhase.ERROR));
  assert.equal(deletes(), before + 1, 'and it is asked for once');
});

test('nothing that an operation in flight shows is taken over by a list', async (t) => {
  const { engine, running, phaseOf, lists } = await gatewayWith(t, { deadlines: { create: 800 } });
  engine.before = async (call, ref, signal) => {
    if (call !== 'create') {
      return;
    }
    // It runs already, and the call that made it does not come to its end.
    const resource = engine.resources.get(ref);
    if (resource !== undefined) {
      resource.conditions = runningConditions();
    }
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  await running.client.unary(api.createSandbox, { name: 'one' });
  await eventually('it is made', () => engine.resources.size === 1);
  const before = lists();
  await eventually('some lists show it', () => lists() >= before + 4);
  assert.equal(await phaseOf('one'), SandboxPhase.PROVISIONING);
});

test('an engine that starts sandboxes again itself is not forestalled, and what it calls stopped is so', async (t) => {
  const folder = tempFolder();
  t.after(folder.remove);
  const engine = createFakeEngine();
  const entry = engine.entry();
  const selfManaged: DriverEntry = {
    ...entry,
    load: async () => ({
      createDriver: async (context) => {
        const driver = await (await entry.load()).createDriver(context);
        const capabilities: ComputeDriver['capabilities'] = async (options) => ({
          ...(await driver.capabilities(options)),
          gatewayManagesLifecycle: false,
        });
        return { ...driver, capabilities };
      },
    }),
  };
  const running = await startTestGateway(folder.path, [selfManaged]);
  const { sandbox } = await running.client.unary(api.createSandbox, { name: 'one' });
  const id = sandbox?.metadata?.id ?? '';
  await eventually('it runs', () => engine.resources.get(id)?.runs === 1);
  await running.close();
  // As after a restore of a database from before the stop.
  const resource = engine.resources.get(id);
  assert.ok(resource);
  resource.conditions = suspendedConditions();
  const restored = await startTestGateway(folder.path, [selfManaged]);
  t.after(() => restored.close());
  await eventually('it is stopped', async () => {
    const shown = await restored.client.unary(api.getSandbox, { name: 'one' });
    return shown.sandbox?.status?.phase === SandboxPhase.STOPPED;
  });
  assert.equal(resource.runs, 1);
});

test('a platform event of a sandbox that is gone leaves nothing in the sandboxEvents', async (t) => {
  const folder = tempFolder();
  t.after(folder.remove);
  const store = await openStore({ path: join(folder.path, 'openshell.db') });
  t.after(() => store.close());
  const sandboxEvents = createSandboxEvents();
  const event: PlatformEvent = {
    ...{ timestampMs: 1, source: 'fake', type: 'Normal', reason: 'Pulled', message: '', metadata: {} },
  };
  const engine = createFakeEngine();
  const driver = engine.driver();
  let taken = 0;
  const controller = createController({
    ...{ store, sandboxEvents, namespace: 'default', log: silentLogger },
    drivers: new Map([
      [
        'fake',
        createManagedDriver({
          ...{ name: 'fake', external: false, engineVersion: '', log: silentLogger },
          create: async () => ({
            ...driver,
            async *watch({ signal }) {
              yield { type: 'synced' };
              for (let i = 0; i < 100; i++) {
                yield { type: 'platform', id: `gone-${i}`, event };
                taken++;
              }
              await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
            },
          }),
        }),
      ],
    ]),
  });
  t.after(() => controller.close(0));
  controller.start();
  await eventually('all were taken', () => taken === 100);
  assert.ok(!Array.from({ length: 100 }, (_, i) => sandboxEvents.hasEvents(`gone-${i}`)).includes(true));
  // Whatever else publishes: the sandboxEvents itself has a bound.
  for (let i = 0; i < 10_001; i++) {
    sandboxEvents.publish(`late-${i}`, { type: 'event', event });
  }
  assert.equal(sandboxEvents.hasEvents('late-0'), false);
  assert.equal(sandboxEvents.hasEvents('late-10000'), true);
});

for (const jumpMs of [-60 * 60_000, 8 * 24 * 60 * 60_000]) {
  test(`a jump of the clock by ${jumpMs / 3_600_000} h during each operation changes nothing`, async (t) => {
    let aheadMs = 0;
    const now = () => Date.now() + aheadMs;
    const { folder, engine, running, create, phaseOf, lists } = await gatewayWith(t, { now });
    const removed = await create('removed');
    const resource = engine.resources.get(removed);
    assert.ok(resource);
    await running.client.unary(api.deleteSandbox, { name: 'removed' });
    await eventually('gone', () =>
      phaseOf('removed').then(
        () => false,
        () => true,
      ),
    );
    const id = await create('steady');
    let failures = 2;
    engine.before = (call) => {
      if (!['create', 'stop', 'start', 'delete'].includes(call)) {
        return;
      }
      aheadMs = aheadMs === 0 ? jumpMs : 0;
      // What is tried again is so by the time that passed, not by what the clock shows.
      if (failures-- > 0) {
        throw unavailable('the engine is busy');
      }
      failures = 2;
    };
    await create('made');
    for (const [method, phase] of [
      [api.stopSandbox, SandboxPhase.STOPPED],
      [api.startSandbox, SandboxPhase.READY],
    ] as const) {
      await running.client.unary(method as typeof api.stopSandbox, { name: 'made' }).catch(() => {});
      await eventually(`in ${SandboxPhase[phase]}`, () => phaseOf('made').then((now) => now === phase));
    }
    await running.client.unary(api.deleteSandbox, { name: 'made' });
    await eventually('deleted', () =>
      phaseOf('made').then(
        () => false,
        () => true,
      ),
    );
    engine.before = () => {};
    aheadMs = jumpMs;
    const before = lists();
    await eventually('reconciles under the other clock', () => lists() >= before + 4);
    assert.equal(await phaseOf('steady'), SandboxPhase.READY);
    assert.equal(engine.resources.get(id)?.runs, 1);
    // The tombstone stands: what the engine shows of it is removed and is no stray.
    engine.resources.set(removed, resource);
    await eventually('it is collected', () => !engine.resources.has(removed));
    await running.close();
    const store = await openStore({ path: join(folder.path, 'openshell.db') });
    assert.ok(await store.getTombstone(removed));
    await store.close();
  });
}
