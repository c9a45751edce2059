import assert from 'node:assert/strict';
import { afterEach, beforeEach, type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { Code, failedPrecondition, OpenShellError, unavailable } from '../../dist/compute/errors.js';
import { foreignReason } from '../../dist/compute/reasons.js';
import type { LifecycleTuning } from '../../dist/gateway/lifecycle/controller.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine, type FakeEngine, printing } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

let folder: TempFolder;
let engine: FakeEngine;
let running: TestGateway;

async function start(lifecycle: LifecycleTuning = {}) {
  running = await startTestGateway(folder.path, [engine.entry()], { lifecycle });
}

async function restart(lifecycle: LifecycleTuning = {}) {
  await running.close();
  await start(lifecycle);
}

async function get(name: string) {
  return (await running.client.unary(api.getSandbox, { name })).sandbox;
}

async function create(name: string, command: string[] = []) {
  const { sandbox } = await running.client.unary(api.createSandbox, { name, spec: { command } });
  assert.ok(sandbox?.metadata);
  return sandbox.metadata.id;
}

function inPhase(name: string, phase: SandboxPhase) {
  return eventually(`${name} in ${SandboxPhase[phase]}`, async () => {
    const sandbox = await get(name);
    return sandbox?.status?.phase === phase ? sandbox : undefined;
  });
}

function gone(name: string) {
  return eventually(`${name} gone`, () =>
    get(name).then(
      () => false,
      (error) => error.code === status.NOT_FOUND,
    ),
  );
}

beforeEach(async () => {
  folder = tempFolder();
  engine = createFakeEngine();
  await start();
});
afterEach(async () => {
  await running.close();
  folder.remove();
});

/** Timers that were started since, and neither fired nor were cleared. */
function watchTimers(t: TestContext): Set<unknown> {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const pending = new Set<unknown>();
  globalThis.setTimeout = ((fire: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = set(() => {
      pending.delete(timer);
      fire(...args);
    }, ms);
    pending.add(timer);
    return timer;
  }) as typeof set;
  globalThis.clearTimeout = ((timer: NodeJS.Timeout) => {
    pending.delete(timer);
    clear(timer);
  }) as typeof clear;
  t.after(() => Object.assign(globalThis, { setTimeout: set, clearTimeout: clear }));
  return pending;
}

test('a sandbox that came and went leaves no timer behind', async (t) => {
  const live = async (name: string) => {
    const id = await create(name);
    await inPhase(name, SandboxPhase.READY);
    await running.client.unary(api.stopSandbox, { name });
    await inPhase(name, SandboxPhase.STOPPED);
    await running.client.unary(api.startSandbox, { name });
    await inPhase(name, SandboxPhase.READY);
    await running.client.unary(api.deleteSandbox, { name });
    await gone(name);
    return id;
  };
  await live('first');
  const pending = watchTimers(t);
  for (let i = 0; i < 5; i++) {
    await live(`s-${i}`);
  }
  await eventually('no timer is left of them', () => pending.size < 5);
});

test('a create answers PROVISIONING at once and becomes READY', async () => {
  let go = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  engine.before = (call) => (call === 'create' ? held : undefined);
  const { sandbox } = await running.client.unary(api.createSandbox, { name: 'one' });
  assert.equal(sandbox?.status?.phase, SandboxPhase.PROVISIONING);
  assert.equal(sandbox?.metadata?.workspace, 'default');
  go();
  const ready = await inPhase('one', SandboxPhase.READY);
  assert.equal(ready.status?.conditions[0]?.status, 'True');
  assert.equal(ready.spec?.template?.image, 'test:1');
});

test('every start is published as READY before its exit, also for a process that ends at once', async () => {
  const phases: SandboxPhase[] = [];
  let go = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  engine.before = (call) => (call === 'create' ? held : undefined);
  const id = await create('short', ['exit', '7']);
  const stream = running.client.serverStream(api.watchSandbox, { id, followStatus: true });
  for await (const { payload } of stream) {
    go();
    if (payload.case !== 'sandbox') {
      continue;
    }
    phases.push(payload.value.status?.phase ?? 0);
    if (payload.value.status?.phase === SandboxPhase.ERROR) {
      assert.equal(payload.value.status.exitCode, 7);
      assert.equal(payload.value.status.conditions[0]?.reason, 'MainProcessExited');
      break;
    }
  }
  assert.deepEqual(phases, [SandboxPhase.PROVISIONING, SandboxPhase.READY, SandboxPhase.ERROR]);
});

test('exit code 0 is ERROR with exit_code 0, and a start clears it', async () => {
  const id = await create('zero', []);
  await inPhase('zero', SandboxPhase.READY);
  engine.exit(id, 0);
  const ended = await inPhase('zero', SandboxPhase.ERROR);
  assert.equal(ended.status?.exitCode, 0);
  const { sandbox } = await running.client.unary(api.startSandbox, { name: 'zero' });
  assert.equal(sandbox?.status?.phase, SandboxPhase.READY);
  assert.equal(sandbox?.status?.exitCode, undefined);
  assert.notEqual(sandbox?.status?.mainProcessInstanceId, ended.status?.mainProcessInstanceId);
});

test('stop and start answer when the driver is done; a stop that is not allowed names the phase', async () => {
  await create('one');
  await inPhase('one', SandboxPhase.READY);
  const stopped = await running.client.unary(api.stopSandbox, { name: 'one' });
  assert.equal(stopped.sandbox?.status?.phase, SandboxPhase.STOPPED);
  const again = await running.client.unary(api.stopSandbox, { name: 'one' });
  assert.equal(again.sandbox?.metadata?.resourceVersion, stopped.sandbox?.metadata?.resourceVersion);
  const started = await running.client.unary(api.startSandbox, { name: 'one' });
  assert.equal(started.sandbox?.status?.phase, SandboxPhase.READY);
  engine.exit(started.sandbox?.metadata?.id ?? '', 1);
  await inPhase('one', SandboxPhase.ERROR);
  await assert.rejects(running.client.unary(api.stopSandbox, { name: 'one' }), {
    code: status.FAILED_PRECONDITION,
    details: 'sandbox must be Ready to stop (current phase: Error)',
  });
});

test('a failed create keeps the row in ERROR with the reason of the engine and leaves no resource', async () => {
  engine.before = (call) => {
    if (call === 'create') {
      throw failedPrecondition('no space left', { reason: 'ImagePullFailed', hint: 'make room' });
    }
  };
  await create('bad');
  const failed = await inPhase('bad', SandboxPhase.ERROR);
  assert.equal(failed.status?.conditions[0]?.reason, 'ImagePullFailed');
  assert.equal(failed.status?.conditions[0]?.message, 'no space left; make room');
  assert.equal(engine.resources.size, 0);
  await running.client.unary(api.deleteSandbox, { name: 'bad' });
  await gone('bad');
});

test('a delete cuts a create short, and is tried until the engine confirms', async () => {
  engine.before = (call, _, signal) =>
    call === 'create'
      ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      : undefined;
  const id = await create('slow');
  await eventually('create begun', () => engine.calls.includes(`create ${id}`));
  let refusals = 2;
  const before = engine.before;
  engine.before = (call, ...rest) => {
    if (call === 'delete' && refusals-- > 0) {
      throw unavailable('the engine is busy');
    }
    return before(call, ...rest);
  };
  const { deleted } = await running.client.unary(api.deleteSandbox, { name: 'slow' });
  assert.equal(deleted, true);
  assert.equal(engine.resources.size, 0);
  await assert.rejects(running.client.unary(api.deleteSandbox, { name: 'slow' }), { code: status.NOT_FOUND });
});

test('a resource that vanished is ERROR BackendResourceMissing until the row is deleted', async () => {
  const id = await create('lost');
  await inPhase('lost', SandboxPhase.READY);
  engine.vanish(id);
  const lost = await inPhase('lost', SandboxPhase.ERROR);
  assert.equal(lost.status?.conditions[0]?.reason, 'BackendResourceMissing');
  await running.client.unary(api.deleteSandbox, { name: 'lost' });
  await gone('lost');
});

test('a restart takes unfinished operations up', async () => {
  const never = (call: string, _: string, signal: AbortSignal) =>
    ['create', 'stop', 'delete'].includes(call)
      ? new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      : undefined;
  const stopping = await create('stopping');
  const deleting = await create('deleting');
  await inPhase('stopping', SandboxPhase.READY);
  await inPhase('deleting', SandboxPhase.READY);
  engine.before = never;
  const creating = await create('creating');
  running.client.unary(api.stopSandbox, { name: 'stopping' }).catch(() => {});
  running.client.unary(api.deleteSandbox, { name: 'deleting' }).catch(() => {});
  await eventually('all begun', () =>
    [`create ${creating}`, `stop ${stopping}`, `delete ${deleting}`].every((call) =>
      engine.calls.includes(call),
    ),
  );
  engine.before = () => {};
  await restart();
  await inPhase('creating', SandboxPhase.READY);
  await inPhase('stopping', SandboxPhase.STOPPED);
  await gone('deleting');
  assert.equal(engine.resources.size, 2);
});

test('a create that failed for good leaves nothing, also where its driver did not undo it', async () => {
  engine.before = (call) => {
    if (call === 'create') {
      throw new Error('crash');
    }
  };
  await create('half');
  await inPhase('half', SandboxPhase.ERROR);
  assert.equal(engine.resources.size, 0);
  await running.client.unary(api.deleteSandbox, { name: 'half' });
  await gone('half');
});

for (const absent of ['create', 'get']) {
  test(`a create whose engine goes away for a moment goes on when it is back (${absent})`, async () => {
    let absences = 2;
    engine.before = (call) => {
      // What a driver process that was killed made before its end is there.
      if (call === 'create' && absent === 'get' && absences === 2) {
        throw new OpenShellError(Code.ALREADY_EXISTS, 'crash');
      }
      if (call === absent && absences-- > 0) {
        throw unavailable('connection refused');
      }
    };
    const id = await create('patient');
    await inPhase('patient', SandboxPhase.READY);
    assert.equal(engine.resources.get(id)?.runs, 1);
  });
}

test('a create that its engine, which answers, calls unavailable for too long fails with the reason', async () => {
  await restart({ deadlines: { absence: 500 } });
  engine.before = (call) => {
    if (call === 'create') {
      throw unavailable('no node is free', { reason: foreignReason('NodesBusy') });
    }
  };
  const id = await create('in-vain');
  const failed = await inPhase('in-vain', SandboxPhase.ERROR);
  assert.equal(failed.status?.conditions[0]?.reason, 'NodesBusy');
  assert.ok(engine.calls.filter((call) => call === `create ${id}`).length > 2);
});

test("a create that meets a killed gateway's call, which the engine still carries out, is tried until that is over", async () => {
  let meetings = 3;
  engine.before = (call) => {
    if (call === 'create' && meetings-- > 0) {
      throw new OpenShellError(Code.ALREADY_EXISTS, 'the name is taken');
    }
  };
  const id = await create('again');
  await inPhase('again', SandboxPhase.READY);
  assert.equal(engine.calls.filter((call) => call === `create ${id}`).length, 4);
});

test("a create that meets what a killed gateway's call is just removing makes it anew", async () => {
  let meetings = 1;
  engine.before = (call, id) => {
    if (call !== 'create' || meetings-- === 0) {
      return;
    }
    const half = engine.resources.get(id);
    assert.ok(half);
    half.deleting = true;
    throw new OpenShellError(Code.ALREADY_EXISTS, 'crash');
  };
  const id = await create('again');
  await inPhase('again', SandboxPhase.READY);
  assert.equal(engine.resources.get(id)?.deleting, undefined);
});

test('what stays in the way of a create, and is not shown, is removed', async () => {
  let inTheWay = true;
  engine.before = (call) => {
    if (call === 'delete') {
      inTheWay = false;
    }
    if (call === 'create' && inTheWay) {
      throw new OpenShellError(Code.ALREADY_EXISTS, 'the name is taken');
    }
  };
  await create('blocked');
  await inPhase('blocked', SandboxPhase.READY);
});

test('after a restart of the host idle sandboxes run again and others keep their exit code', async () => {
  const idle = await create('idle');
  const work = await create('work', ['work']);
  const stopped = await create('stopped');
  for (const name of ['idle', 'work', 'stopped']) {
    await inPhase(name, SandboxPhase.READY);
  }
  await running.client.unary(api.stopSandbox, { name: 'stopped' });
  await running.close();
  for (const id of [idle, work]) {
    engine.exit(id, 137);
  }
  await start();
  const again = await eventually('idle runs again', async () =>
    engine.resources.get(idle)?.runs === 2 ? inPhase('idle', SandboxPhase.READY) : undefined,
  );
  assert.equal(again.status?.exitCode, undefined);
  const ended = await inPhase('work', SandboxPhase.ERROR);
  assert.equal(ended.status?.exitCode, 137);
  assert.equal((await get('stopped'))?.status?.phase, SandboxPhase.STOPPED);
  assert.equal(engine.resources.get(stopped)?.runs, 1);
});

test('a stray is reported and left alone; one with a tombstone is collected', async () => {
  const id = await create('one');
  await inPhase('one', SandboxPhase.READY);
  const resource = engine.resources.get(id);
  assert.ok(resource);
  await running.client.unary(api.deleteSandbox, { name: 'one' });
  await gone('one');
  engine.resources.set(id, resource);
  const strayId = '6a1f0000-0000-4000-8000-000000000000';
  engine.resources.set(strayId, { ...resource, sandbox: { ...resource.sandbox, id: strayId } });
  engine.breakWatches();
  await eventually('tombstoned resource collected', () => !engine.resources.has(id));
  assert.ok(engine.resources.has(strayId));
});

test('a broken watch makes the driver failed, then ready, and what was missed is made up for', async () => {
  const id = await create('one', ['work']);
  await inPhase('one', SandboxPhase.READY);
  engine.before = (call) => {
    if (call === 'watch') {
      throw new OpenShellError(Code.UNAVAILABLE, 'the engine is away');
    }
  };
  engine.breakWatches();
  await eventually('driver failed', async () => {
    const { computeDrivers } = await running.client.unary(api.getGatewayInfo, {});
    return computeDrivers.length === 0;
  });
  engine.exit(id, 3);
  assert.equal((await get('one'))?.status?.phase, SandboxPhase.READY);
  engine.before = () => {};
  assert.equal((await inPhase('one', SandboxPhase.ERROR)).status?.exitCode, 3);
});

test("a gateway started without a sandbox's driver shows it as UNKNOWN, refuses to touch it and loses nothing", async () => {
  await create('one');
  await inPhase('one', SandboxPhase.READY);
  await running.close();
  const other = createFakeEngine();
  running = await startTestGateway(folder.path, [other.entry('other')]);
  const shown = await get('one');
  assert.equal(shown?.status?.phase, SandboxPhase.UNKNOWN);
  assert.match(shown?.status?.conditions[0]?.message ?? '', /driver 'fake' is not running/);
  for (const method of [api.stopSandbox, api.startSandbox, api.deleteSandbox] as const) {
    await assert.rejects(running.client.unary(method as typeof api.stopSandbox, { name: 'one' }), {
      code: status.FAILED_PRECONDITION,
    });
  }
  await running.close();
  await start();
  await inPhase('one', SandboxPhase.READY);
  assert.equal(engine.resources.size, 1);
});

test('a driver is told id, name and workspace of a sandbox, and nothing else that its row holds', async () => {
  engine.exec = () => printing([], 0);
  const id = await create('box');
  await inPhase('box', SandboxPhase.READY);
  for await (const _ of running.client.serverStream(api.execSandbox, { sandboxId: id, command: ['x'] })) {
  }
  await running.client.unary(api.getSandboxLogs, { sandboxId: id });
  const watch = new AbortController();
  const following = running.client.serverStream(
    api.watchSandbox,
    { id, followLogs: true },
    { signal: watch.signal },
  );
  await following[Symbol.asyncIterator]().next();
  const logsAsked = () => engine.calls.filter((call) => call === `logs ${id}`).length;
  await eventually('both ends of the log are asked for, beside the tail', () => logsAsked() >= 3);
  watch.abort();
  await running.client.unary(api.stopSandbox, { name: 'box' });
  await running.client.unary(api.startSandbox, { name: 'box' });
  // The watch tells what was removed while it was broken by its absence: the reconciler asks for it.
  const resource = engine.resources.get(id);
  assert.ok(resource);
  engine.resources.delete(id);
  engine.breakWatches();
  await inPhase('box', SandboxPhase.ERROR);
  await running.client.unary(api.deleteSandbox, { name: 'box' });
  // A create that fails is undone.
  engine.before = (call) => {
    if (call === 'create') {
      throw failedPrecondition('no');
    }
  };
  await create('undone');
  await inPhase('undone', SandboxPhase.ERROR);
  // What a tombstone names is collected.
  const deletes = engine.calls.length;
  engine.resources.set(id, resource);
  engine.breakWatches();
  await eventually('it is collected', () => engine.calls.slice(deletes).includes(`delete ${id}`));
  for (const call of ['exec', 'logs', 'get', 'stop', 'start', 'delete']) {
    assert.deepEqual([...(engine.refKeys.get(call) ?? [])].sort(), ['id', 'name', 'workspace'], call);
  }
});
