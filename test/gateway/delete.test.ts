import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { silentLogger } from '../../dist/compute/log.js';
import { createManagedDriver } from '../../dist/gateway/drivers/managed.js';
import { createController, type LifecycleTuning } from '../../dist/gateway/lifecycle/controller.js';
import { createSandboxEvents } from '../../dist/gateway/lifecycle/sandbox-events.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { SandboxPhase, methods as v00 } from '../../dist/wire/v00/index.js';
import { DeletionOutcome, methods as v01 } from '../../dist/wire/v01/index.js';
import { createFakeEngine, type FakeEngine } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

const HERE = { workspaceScope: { selection: { case: 'workspace', value: 'default' } } } as const;
/** Longer than any of these tests: what waits for it fails. */
const NEVER_MS = 300_000;

let folder: TempFolder;
let engine: FakeEngine;
let running: TestGateway;

async function start(deleteWaitMs: number): Promise<void> {
  const lifecycle: LifecycleTuning = { deleteWaitMs };
  running = await startTestGateway(folder.path, [engine.entry()], { lifecycle });
}

async function create(name: string): Promise<string> {
  const { sandbox } = await running.client.unary(v00.createSandbox, { name });
  const id = sandbox?.metadata?.id ?? '';
  await eventually(`${name} stands`, () => engine.resources.get(id)?.runs === 1);
  return id;
}

async function phaseOf(name: string): Promise<SandboxPhase | undefined> {
  return (await running.client.unary(v00.getSandbox, { name })).sandbox?.status?.phase;
}

function isGone(name: string): Promise<boolean> {
  return phaseOf(name).then(
    () => false,
    (error) => error.code === status.NOT_FOUND,
  );
}

/** Every removal on the engine waits until the returned function is called. */
function holdRemovals(): () => void {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  engine.before = (call, _, signal) => {
    if (call !== 'delete') {
      return;
    }
    return Promise.race([
      released,
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
  };
  return release;
}

function removalsOf(id: string): number {
  return engine.calls.filter((call) => call === `delete ${id}`).length;
}

beforeEach(async () => {
  folder = tempFolder();
  engine = createFakeEngine();
});
afterEach(async () => {
  engine.before = () => {};
  await running.close();
  folder.remove();
});

test('a delete answers when the sandbox is gone: its name is free at once, in both generations', async () => {
  await start(NEVER_MS);
  engine.before = async (call) => {
    if (call === 'delete') {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  for (let round = 0; round < 5; round++) {
    await running.client.unary(v00.createSandbox, { name: 'again' });
    assert.equal((await running.client.unary(v00.deleteSandbox, { name: 'again' })).deleted, true);
    const { sandbox } = await running.client.unary(v00.createSandbox, { name: 'again' });
    const deleted = await running.client.unary(v01.deleteSandbox, { name: 'again', ...HERE });
    assert.equal(deleted.outcome, DeletionOutcome.COMPLETED);
    assert.equal(deleted.sandboxId, sandbox?.metadata?.id);
    assert.ok(await isGone('again'));
  }
  assert.equal(engine.resources.size, 0);
});

test('a delete that takes longer than its limit is answered meanwhile, and goes on', async () => {
  await start(100);
  const id = await create('slow');
  const release = holdRemovals();
  assert.equal((await running.client.unary(v00.deleteSandbox, { name: 'slow' })).deleted, true);
  assert.equal(await phaseOf('slow'), SandboxPhase.DELETING);
  const request = { name: 'slow', requestId: 'r', ...HERE };
  const accepted = await running.client.unary(v01.deleteSandbox, request);
  assert.deepEqual([accepted.outcome, accepted.sandboxId], [DeletionOutcome.ACCEPTED, id]);
  release();
  await eventually('slow is gone', () => isGone('slow'));
  const repeated = await running.client.unary(v01.deleteSandbox, request);
  assert.deepEqual([repeated.outcome, repeated.sandboxId], [DeletionOutcome.COMPLETED, id]);
  assert.equal(removalsOf(id), 1);
});

test('deletes at the same time all answer when it is gone, and the engine is asked once', async () => {
  await start(NEVER_MS);
  const id = await create('one');
  const release = holdRemovals();
  let answered = 0;
  const answers = Array.from({ length: 20 }, async () => {
    const { deleted } = await running.client.unary(v00.deleteSandbox, { name: 'one' });
    answered++;
    return deleted;
  });
  await eventually('the engine is asked', () => removalsOf(id) === 1);
  assert.equal(await phaseOf('one'), SandboxPhase.DELETING);
  assert.equal(answered, 0);
  release();
  for (const deleted of await Promise.all(answers)) {
    assert.equal(deleted, true);
  }
  assert.equal(removalsOf(id), 1);
});

for (const [how, timeoutMs, code] of [
  ['cancels', NEVER_MS, status.CANCELLED],
  ['runs out of its deadline', 2_000, status.DEADLINE_EXCEEDED],
] as const) {
  test(`a client that ${how} ends its own wait: not the delete, nor another's wait`, async () => {
    await start(NEVER_MS);
    const id = await create('kept');
    const release = holdRemovals();
    const request = { name: 'kept', requestId: 'same', ...HERE };
    const leaving = new AbortController();
    const left = assert.rejects(
      running.client.unary(v01.deleteSandbox, request, { timeoutMs, signal: leaving.signal }),
      {
        code,
      },
    );
    await eventually('the engine is asked', () => removalsOf(id) === 1);
    let isAnswered = false;
    const other = running.client.unary(v01.deleteSandbox, request).finally(() => {
      isAnswered = true;
    });
    if (code === status.CANCELLED) {
      leaving.abort();
    }
    await left;
    // An answer that came with the cancel would be here before this one.
    assert.equal(await phaseOf('kept'), SandboxPhase.DELETING);
    assert.equal(isAnswered, false);
    release();
    assert.equal((await other).outcome, DeletionOutcome.COMPLETED);
    assert.equal(removalsOf(id), 1);
    assert.ok(await isGone('kept'));
  });
}

test('a gateway that ends does not wait for a delete longer than its drain, and answers it', async () => {
  await start(NEVER_MS);
  const id = await create('held');
  holdRemovals();
  const answer = running.client.unary(v00.deleteSandbox, { name: 'held' });
  await eventually('the engine is asked', () => removalsOf(id) === 1);
  await running.gateway.close(100);
  assert.equal((await answer).deleted, true);
  engine.before = () => {};
  await start(NEVER_MS);
  await eventually('the next gateway goes on with it', () => isGone('held'));
});

test('nothing is left of a wait, however it ended', async (t) => {
  await start(NEVER_MS);
  const ids = await Promise.all(['gone', 'late', 'cut'].map(create));
  await running.close();
  const { controller, listeners } = await controllerOver(t, 50);
  const release = holdRemovals();
  const [gone = '', late = '', cut = ''] = ids;
  for (const id of ids) {
    await controller.delete(id);
  }
  const forever = new AbortController().signal;
  const cutting = new AbortController();
  const waits = [
    controller.gone(late, forever),
    controller.gone(cut, cutting.signal),
    controller.gone(cut, AbortSignal.abort()),
  ];
  cutting.abort();
  assert.deepEqual(await Promise.all(waits), [false, false, false]);
  assert.equal(listeners(), 0);
  release();
  for (const id of ids) {
    await eventually('it is gone', () => controller.gone(id, forever));
  }
  assert.equal(await controller.gone(gone, forever), true, 'also when it was before');
  assert.equal(listeners(), 0);
});

/** A controller of the same store and engine, and how many listeners its sandboxEvents has. */
async function controllerOver(t: TestContext, deleteWaitMs: number) {
  const store = await openStore({ path: join(folder.path, 'openshell.db') });
  const sandboxEvents = createSandboxEvents();
  let listening = 0;
  const controller = createController({
    store,
    sandboxEvents: {
      ...sandboxEvents,
      subscribe(id, listener) {
        const leave = sandboxEvents.subscribe(id, listener);
        listening++;
        return () => {
          listening--;
          leave();
        };
      },
    },
    namespace: 'default',
    log: silentLogger,
    tuning: { deleteWaitMs },
    drivers: new Map([
      [
        'fake',
        createManagedDriver({
          ...{ name: 'fake', external: false, engineVersion: '', log: silentLogger },
          create: async () => engine.driver(),
        }),
      ],
    ]),
  });
  t.after(async () => {
    await controller.close(0);
    await store.close();
  });
  return { controller, listeners: () => listening };
}
