import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { failedPrecondition, unavailable } from '../../dist/compute/errors.js';
import { foreignReason } from '../../dist/compute/reasons.js';
import { toFailed } from '../../dist/gateway/lifecycle/transition.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import type { SandboxChange } from '../../dist/store/store.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine, type FakeEngine } from '../support/fake-engine.js';
import { FAULTS, type Faults, type FaultyCall, withFaults } from '../support/faults.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

let folder: TempFolder;
let engine: FakeEngine;
let faults: Faults;
let running: TestGateway;

/** Short enough that a hang is over soon. */
const SHORT_MS = 300;
const lifecycle = {
  deadlines: {
    ...{ create: SHORT_MS, stop: SHORT_MS, start: SHORT_MS, delete: SHORT_MS },
    ...{ undo: SHORT_MS, query: SHORT_MS },
  },
  reconcileEveryMs: 200,
};
async function start() {
  running = await startTestGateway(folder.path, [withFaults(engine.entry(), faults)], { lifecycle });
}

async function get(name: string) {
  return (await running.client.unary(api.getSandbox, { name })).sandbox;
}

async function create(name: string) {
  const { sandbox } = await running.client.unary(api.createSandbox, { name, spec: { command: [] } });
  return sandbox?.metadata?.id ?? '';
}

function inPhase(name: string, phase: SandboxPhase) {
  return eventually(`${name} in ${SandboxPhase[phase]}`, async () => {
    const sandbox = await get(name);
    return sandbox?.status?.phase === phase ? sandbox : undefined;
  });
}

function isGone(name: string) {
  return get(name).then(
    () => false,
    (error) => error.code === status.NOT_FOUND,
  );
}

/** Two lists that the gateway has asked for since. */
async function twoReconciles() {
  const lists = () => engine.calls.filter((call) => call.startsWith('list')).length;
  const before = lists();
  // The third begins when the second has been gone through.
  await eventually('two reconciles', () => lists() >= before + 3);
}

beforeEach(async () => {
  folder = tempFolder();
  engine = createFakeEngine();
  faults = new Map();
  await start();
});
afterEach(async () => {
  await running.close();
  folder.remove();
});

const OPERATIONS = {
  create: { calls: ['create', 'get'], ends: SandboxPhase.READY },
  stop: { calls: ['stop', 'get'], ends: SandboxPhase.STOPPED },
  start: { calls: ['start', 'get'], ends: SandboxPhase.READY },
  delete: { calls: ['delete', 'get'], ends: undefined },
} as const satisfies Record<string, { calls: readonly FaultyCall[]; ends: SandboxPhase | undefined }>;

test('whatever happens to a call of an operation, it ends as it was asked for and never in ERROR', async () => {
  const cases = Object.entries(OPERATIONS).flatMap(([operation, { calls, ends }]) =>
    calls.flatMap((call) =>
      FAULTS.map((fault) => ({
        operation,
        call,
        fault,
        ends,
        name: `${operation}-${call}-${FAULTS.indexOf(fault)}`,
      })),
    ),
  );
  const phases = new Map<string, Set<SandboxPhase>>();
  await Promise.all(
    cases.map(async ({ operation, call, fault, ends, name }) => {
      const arm = () => {
        // What only asks is reached when the operation itself is cut.
        const first =
          call === 'get' ? [{ call: operation as FaultyCall, fault: 'cut' as const, left: 1 }] : [];
        faults.set(name, [...first, { call, fault, left: 2 }]);
      };
      if (operation === 'create') {
        arm();
      }
      const id = await create(name);
      const seen = new Set<SandboxPhase>();
      phases.set(name, seen);
      const watching = (async () => {
        const stream = running.client.serverStream(api.watchSandbox, { id, followStatus: true });
        for await (const { payload } of stream) {
          if (payload.case === 'sandbox') {
            seen.add(payload.value.status?.phase ?? 0);
          }
        }
      })().catch(() => {});
      if (operation !== 'create') {
        await inPhase(name, SandboxPhase.READY);
        if (operation === 'start') {
          await running.client.unary(api.stopSandbox, { name });
        }
        arm();
        const method = { stop: api.stopSandbox, start: api.startSandbox, delete: api.deleteSandbox }[
          operation
        ];
        await running.client.unary(method as typeof api.stopSandbox, { name }).catch((error) => {
          // The caller is told, and the operation goes on.
          assert.equal(error.code, status.UNAVAILABLE, `${name}: ${error.details}`);
        });
      }
      if (ends === undefined) {
        await eventually(`${name} gone`, () => isGone(name));
      } else {
        await inPhase(name, ends);
      }
      if (ends === undefined) {
        await watching;
      }
    }),
  );
  await twoReconciles();
  for (const { name, ends } of cases) {
    assert.ok(!phases.get(name)?.has(SandboxPhase.ERROR), `${name} was in ERROR`);
    if (ends !== undefined) {
      assert.equal((await get(name))?.status?.phase, ends, name);
    }
  }
  assert.equal(engine.resources.size, cases.filter(({ ends }) => ends !== undefined).length);
});

test('while the engine does not answer, the condition says so; the delete gets through', async () => {
  faults.set('mute', [{ call: 'create', fault: 'hang before', left: 1_000 }]);
  await create('mute');
  const shown = await eventually('it says so', async () => {
    const sandbox = await get('mute');
    return sandbox?.status?.conditions[0]?.reason === 'EngineNotAnswering' ? sandbox : undefined;
  });
  assert.equal(shown.status?.phase, SandboxPhase.PROVISIONING);
  assert.match(shown.status?.conditions[0]?.message ?? '', /did not finish 'create' within 0.3 s/);
  await running.client.unary(api.deleteSandbox, { name: 'mute' });
  await eventually('gone', () => isGone('mute'));
});

test('a create that failed for good is undone by the reconciler, if not before', async () => {
  let deletable = false;
  engine.before = (call) => {
    if (call === 'create') {
      throw new Error('crash');
    }
    if (call === 'delete' && !deletable) {
      throw unavailable('busy');
    }
  };
  const id = await create('left');
  const failed = await inPhase('left', SandboxPhase.ERROR);
  assert.deepEqual(
    failed.status?.conditions.map(({ type, reason }) => [type, reason]),
    [
      ['Ready', 'CreateFailed'],
      ['ResourcesRemoved', 'UndoPending'],
    ],
  );
  assert.ok(engine.resources.has(id));
  deletable = true;
  await eventually('nothing is left, and the row says so', async () => {
    const conditions = (await get('left'))?.status?.conditions ?? [];
    return !engine.resources.has(id) && conditions.length === 1;
  });
  assert.equal((await get('left'))?.status?.conditions[0]?.reason, 'CreateFailed');
});

test('an undo that failed is tried again also where the engine lists nothing', async () => {
  let deletable = false;
  engine.before = (call) => {
    if (call === 'create') {
      throw failedPrecondition('no');
    }
    if (call === 'delete' && !deletable) {
      throw unavailable('busy');
    }
  };
  const id = await create('volume');
  const failed = await inPhase('volume', SandboxPhase.ERROR);
  assert.equal(failed.status?.conditions.length, 2);
  assert.ok(!engine.resources.has(id));
  deletable = true;
  await eventually('it is certain', async () => (await get('volume'))?.status?.conditions.length === 1);
});

/** The row as an older gateway left it. */
async function rewrite(id: string, change: SandboxChange) {
  await running.close();
  const store = await openStore({ path: `${folder.path}/openshell.db` });
  const row = await store.getSandbox(id);
  await store.updateSandbox(id, row?.resourceVersion ?? 0, change);
  await store.close();
  await start();
}

function lateFailure(reason: string) {
  return toFailed(reason, 'the operation took too long', Date.now());
}

test('a row that an older gateway failed at a deadline follows what the engine shows', async () => {
  const id = await create('one');
  await inPhase('one', SandboxPhase.READY);
  // The stop was never carried out.
  await rewrite(id, { ...lateFailure('StopFailed'), intent: 'stop' });
  await inPhase('one', SandboxPhase.READY);
  // It was.
  const { sandbox } = await running.client.unary(api.stopSandbox, { name: 'one' });
  assert.equal(sandbox?.status?.phase, SandboxPhase.STOPPED);
  await rewrite(id, { ...lateFailure('StopFailed'), intent: 'stop' });
  await inPhase('one', SandboxPhase.STOPPED);
  // A create whose answer came too late.
  await running.client.unary(api.startSandbox, { name: 'one' });
  await rewrite(id, { ...lateFailure('CreateFailed'), startedAtMs: 0, instanceId: '', resourceName: '' });
  await inPhase('one', SandboxPhase.READY);
});

test('a failed sandbox that once ran keeps its files, and may be stopped and started', async () => {
  const id = await create('kept');
  await inPhase('kept', SandboxPhase.READY);
  await running.client.unary(api.stopSandbox, { name: 'kept' });
  engine.before = (call) => {
    if (call === 'start') {
      throw failedPrecondition('the volume is locked', { reason: foreignReason('VolumeLocked') });
    }
  };
  const { sandbox } = await running.client.unary(api.startSandbox, { name: 'kept' });
  assert.equal(sandbox?.status?.conditions[0]?.reason, 'VolumeLocked');
  engine.before = () => {};
  assert.equal(
    (await running.client.unary(api.startSandbox, { name: 'kept' })).sandbox?.status?.phase,
    SandboxPhase.READY,
  );
  engine.before = (call) => {
    if (call === 'stop') {
      throw failedPrecondition('not now', { reason: foreignReason('NotNow') });
    }
  };
  await running.client.unary(api.stopSandbox, { name: 'kept' });
  engine.before = () => {};
  // It runs on, and that is what is shown.
  await inPhase('kept', SandboxPhase.READY);
  assert.equal(engine.resources.get(id)?.runs, 2);
});

test('a resource under a failed row that never ran is removed', async () => {
  const id = await create('stale');
  await inPhase('stale', SandboxPhase.READY);
  const resource = engine.resources.get(id);
  assert.ok(resource);
  engine.before = (call) => {
    if (call === 'create') {
      throw failedPrecondition('no');
    }
  };
  const failed = await create('never');
  await inPhase('never', SandboxPhase.ERROR);
  engine.resources.set(failed, {
    sandbox: { ...resource.sandbox, id: failed, name: 'never' },
    conditions: [
      { type: 'Ready', status: 'False', reason: 'ContainerCreated', message: '', lastTransitionTime: '' },
    ],
    runs: 0,
  });
  await eventually('it is removed', () => !engine.resources.has(failed));
  await twoReconciles();
  assert.equal((await get('never'))?.status?.phase, SandboxPhase.ERROR);
  assert.equal(engine.resources.size, 1);
});
