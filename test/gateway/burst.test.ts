import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { soak } from '../support/soak.js';
import { eventually } from '../support/wait.js';

/** An engine that carries writes out one after the other. */
function slowEngine(writeMs: number) {
  const engine = createFakeEngine();
  let lane: Promise<unknown> = Promise.resolve();
  let inFlight = 0;
  const most = { inFlight: 0 };
  engine.before = async (call, _, signal) => {
    if (!['create', 'start', 'stop', 'delete'].includes(call)) {
      return;
    }
    most.inFlight = Math.max(most.inFlight, ++inFlight);
    lane = lane.then(() => sleep(writeMs));
    try {
      await Promise.race([
        lane,
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ]);
    } finally {
      inFlight--;
    }
  };
  return { engine, most };
}

test('a burst of creates succeeds one and all, and stops and deletes do not wait behind it', async (t) => {
  const count = soak ? 1_000 : 250;
  // 3 writes a second, or as many times faster as the deadline is shorter.
  const writeMs = soak ? 300 : 15;
  const folder = tempFolder();
  t.after(folder.remove);
  const { engine, most } = slowEngine(writeMs);
  const running = await startTestGateway(folder.path, [engine.entry()], {
    // All of the burst would not be done within it.
    lifecycle: { deadlines: { create: writeMs * 100, delete: writeMs * 100, stop: writeMs * 100 } },
  });
  t.after(() => running.close());
  const { client } = running;
  const phaseOf = async (name: string) =>
    (await client.unary(api.getSandbox, { name })).sandbox?.status?.phase;
  for (const name of ['to-stop', 'to-delete']) {
    await client.unary(api.createSandbox, { name });
    await eventually(`${name} ready`, async () => (await phaseOf(name)) === SandboxPhase.READY);
  }
  const names = Array.from({ length: count }, (_, i) => `burst-${i}`);
  const results = await Promise.allSettled(names.map((name) => client.unary(api.createSandbox, { name })));
  assert.equal(results.filter(({ status }) => status === 'rejected').length, 0);

  await client.unary(api.stopSandbox, { name: 'to-stop' });
  await client.unary(api.deleteSandbox, { name: 'to-delete' });
  await eventually('deleted', () =>
    phaseOf('to-delete').then(
      () => false,
      (error) => error.code === status.NOT_FOUND,
    ),
  );
  const running1 = [...engine.resources.values()].filter(({ runs }) => runs > 0).length;
  assert.ok(running1 < count / 2, `${running1} creates came first`);
  assert.ok(most.inFlight <= 16, `${most.inFlight} operations in flight`);

  const phases = async () => {
    const { sandboxes } = await client.unary(api.listSandboxes, { limit: 1_000, workspace: 'default' });
    return sandboxes.map((sandbox) => sandbox.status?.phase);
  };
  await eventually(
    'all are ready',
    async () => {
      const now = await phases();
      assert.ok(!now.includes(SandboxPhase.ERROR));
      await sleep(200);
      return [...engine.resources.values()].filter(({ runs }) => runs > 0).length === count + 1;
    },
    count * writeMs * 10 + 30_000,
  );
  assert.ok(most.inFlight <= 16);
});

test('a create beyond what may wait is refused at once, and nothing of it is stored', async (t) => {
  const folder = tempFolder();
  t.after(folder.remove);
  const engine = createFakeEngine();
  let open = () => {};
  const held = new Promise<void>((resolve) => {
    open = resolve;
  });
  engine.before = (call) => (call === 'create' ? held : undefined);
  const running = await startTestGateway(folder.path, [engine.entry()], {
    lifecycle: { maxOperations: 4, maxPendingCreates: 10 },
  });
  t.after(() => running.close());
  const { client } = running;
  const results = await Promise.allSettled(
    Array.from({ length: 25 }, (_, i) => client.unary(api.createSandbox, { name: `n-${i}` })),
  );
  const refused = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  assert.equal(refused.length, 15);
  for (const error of refused) {
    assert.equal(error.code, status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /driver 'fake' has 10 running and waiting creates/);
    assert.ok(error.trailer !== undefined, 'with RetryInfo');
  }
  assert.equal((await client.unary(api.listSandboxes, {})).sandboxes.length, 10);
  await eventually(
    'a quarter is kept for ends',
    () => engine.calls.filter((call) => call.startsWith('create')).length === 3,
  );
  open();
  await eventually('there is room again', () =>
    client.unary(api.createSandbox, { name: 'later' }).then(
      () => true,
      () => false,
    ),
  );
});
