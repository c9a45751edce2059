import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { afterExit, NO_RESTARTS } from '../../dist/gateway/lifecycle/restart-policy.js';
import { SandboxPhase as OldPhase, methods as v00 } from '../../dist/wire/v00/index.js';
import { SandboxPhase, SandboxRestartPolicy, methods as v01 } from '../../dist/wire/v01/index.js';
import { eventually } from '../support/wait.js';
import { here, inPhase, serveEachTest } from './served.js';

const served = serveEachTest();
const call: typeof served.gateway.client.unary = (...args) => served.gateway.client.unary(...args);
const { ALWAYS, ON_FAILURE } = SandboxRestartPolicy;

async function create(name: string, restartPolicy: SandboxRestartPolicy, command = ['work']) {
  const { sandbox } = await call(v01.createSandbox, { name, spec: { command, restartPolicy }, ...here });
  return sandbox?.metadata?.id ?? '';
}

async function get(name: string) {
  return (await call(v01.getSandbox, { name, ...here })).sandbox?.status;
}

function runs(id: string) {
  return served.engine.resources.get(id)?.runs ?? 0;
}

test('delays double from one second to five minutes, and begin anew after ten sound minutes', () => {
  const spec = { restartPolicy: 'always' } as Parameters<typeof afterExit>[0]['spec'];
  let restarts = NO_RESTARTS;
  const delays: number[] = [];
  for (let round = 0; round < 11; round++) {
    restarts = afterExit({ restarts, spec, startedAtMs: 1_000_000 }, 0, 1_000_500);
    delays.push(restarts.delayMs / 1000);
    assert.equal(restarts.nextAtMs, 1_000_500 + restarts.delayMs);
  }
  assert.deepEqual(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  const steady = afterExit({ restarts, spec, startedAtMs: 1_000_000 }, 0, 1_000_000 + 600_000);
  assert.equal(steady.delayMs, 1000);
});

test('on failure means every code but 0; never means never', () => {
  const next = (restartPolicy: 'never' | 'on-failure', code: number) => {
    const spec = { restartPolicy } as Parameters<typeof afterExit>[0]['spec'];
    return afterExit({ restarts: NO_RESTARTS, spec, startedAtMs: 0 }, code, 5).nextAtMs;
  };
  assert.deepEqual(
    [next('never', 1), next('on-failure', 0), next('on-failure', 1), next('on-failure', 137)],
    [0, 0, 1005, 1005],
  );
});

test('an ended process is started again after its delay, with a count and the time of the next start', async () => {
  const id = await create('a', ALWAYS);
  await inPhase(served, 'a', SandboxPhase.READY);
  const before = Date.now();
  served.engine.exit(id, 0);
  const waiting = await inPhase(served, 'a', SandboxPhase.STARTING);
  const nextAtMs = timestampMs(waiting.status?.nextRestartTime ?? assert.fail('no time of a next restart'));
  assert.ok(nextAtMs >= before + 1000 && nextAtMs <= Date.now() + 1000);
  assert.deepEqual([waiting.status?.exitCode, waiting.status?.restartCount], [0, 0]);
  assert.equal((await call(v00.getSandbox, { name: 'a' })).sandbox?.status?.phase, OldPhase.STARTING);
  const again = await inPhase(served, 'a', SandboxPhase.READY);
  assert.ok(Date.now() >= nextAtMs);
  assert.deepEqual(
    [again.status?.restartCount, again.status?.nextRestartTime, again.status?.exitCode, runs(id)],
    [1, undefined, undefined, 2],
  );
});

test('on failure: code 0 completes, another code restarts', async () => {
  const sound = await create('sound', ON_FAILURE);
  const broken = await create('broken', ON_FAILURE);
  for (const name of ['sound', 'broken']) {
    await inPhase(served, name, SandboxPhase.READY);
  }
  served.engine.exit(sound, 0);
  served.engine.exit(broken, 3);
  await inPhase(served, 'sound', SandboxPhase.COMPLETED);
  await eventually('broken runs again', () => runs(broken) === 2);
  assert.equal(runs(sound), 1);
});

test('a sandbox that waits for its restart can be stopped, and then stays so', async () => {
  const id = await create('a', ALWAYS);
  await inPhase(served, 'a', SandboxPhase.READY);
  served.engine.exit(id, 1);
  await inPhase(served, 'a', SandboxPhase.STARTING);
  const { sandbox } = await call(v01.stopSandbox, { name: 'a', ...here });
  assert.equal(sandbox?.status?.phase, SandboxPhase.STOPPED);
  const other = await create('b', ALWAYS);
  await inPhase(served, 'b', SandboxPhase.READY);
  served.engine.exit(other, 1);
  await eventually('the other one runs again', () => runs(other) === 2);
  assert.equal((await get('a'))?.phase, SandboxPhase.STOPPED);
  assert.equal(runs(id), 1);
});

test('a start by the user comes before the restart and begins a new count', async () => {
  const id = await create('a', ALWAYS);
  await inPhase(served, 'a', SandboxPhase.READY);
  served.engine.exit(id, 1);
  await eventually('restarted', async () => (await get('a'))?.restartCount === 1);
  served.engine.exit(id, 1);
  await inPhase(served, 'a', SandboxPhase.STARTING);
  const { sandbox } = await call(v01.startSandbox, { name: 'a', ...here });
  assert.deepEqual([sandbox?.status?.phase, sandbox?.status?.restartCount], [SandboxPhase.READY, 0]);
});

test('a pending restart outlives the gateway, and a deleted sandbox is not started again', async () => {
  const id = await create('a', ALWAYS);
  const gone = await create('gone', ALWAYS);
  for (const name of ['a', 'gone']) {
    await inPhase(served, name, SandboxPhase.READY);
  }
  served.engine.exit(id, 1);
  served.engine.exit(gone, 1);
  for (const name of ['a', 'gone']) {
    await inPhase(served, name, SandboxPhase.STARTING);
  }
  await call(v01.deleteSandbox, { name: 'gone', ...here });
  await served.restart();
  await eventually('runs again', () => runs(id) === 2);
  assert.equal((await inPhase(served, 'a', SandboxPhase.READY)).status?.restartCount, 1);
  assert.equal(runs(gone), 0);
});
