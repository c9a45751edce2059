import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import { VM_FILES } from '../../dist/drivers/vm/process/qemu/arguments.js';
import { connectQmp } from '../../dist/drivers/vm/process/qemu/qmp.js';
import { tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import {
  becomes,
  execIn,
  makeDriver,
  type RunningDriver,
  SLOW_MS,
  sandboxOf,
  stateOf,
  VM_HOME,
  withoutMachines,
} from './driver.js';

const options = { skip: withoutMachines, timeout: 600_000 };
const signal = AbortSignal.timeout(600_000);
const run = promisify(execFile);

async function running(driver: ComputeDriver, command: readonly string[] = []): Promise<DriverSandbox> {
  const sandbox = sandboxOf(command);
  await driver.create(sandbox, { signal });
  await becomes(driver, sandbox, 'running');
  return sandbox;
}

async function recordOf(home: RunningDriver, sandbox: DriverSandbox) {
  return JSON.parse(await readFile(join(home.folder, 'sandboxes', sandbox.id, 'sandbox.json'), 'utf8')) as {
    run: { pid: number; instanceId: string };
  };
}

const made: RunningDriver[] = [];
async function drive(stateDir: string, gatewayId: string, own = {}): Promise<RunningDriver> {
  const driver = await makeDriver(stateDir, gatewayId, own);
  made.push(driver);
  return driver;
}

async function inState(body: (stateDir: string, gatewayId: string) => Promise<void>) {
  const { path: stateDir, remove } = tempFolder(VM_HOME);
  try {
    await body(stateDir, randomUUID());
  } finally {
    for (const one of made.splice(0)) {
      await one.destroy();
    }
    remove();
  }
}

test('a driver process that was killed finds its machines again, with all that runs in them', options, () =>
  inState(async (stateDir, gatewayId) => {
    const first = await drive(stateDir, gatewayId);
    const idle = await running(first.driver);
    const waiting = await running(first.driver, ['/bin/sh']);
    const busy = await running(first.driver, ['/bin/sh', '-c', 'while :; do echo tick; sleep 1; done']);
    await execIn(first.driver, idle, 'echo kept > /sandbox/file; echo > /tmp/only-in-this-run');
    const before = await recordOf(first, idle);
    await first.kill();

    const second = await drive(stateDir, gatewayId);
    assert.equal((await stateOf(second.driver, idle))?.kind, 'running');
    assert.equal((await stateOf(second.driver, busy))?.kind, 'running');
    assert.equal((await stateOf(second.driver, waiting))?.kind, 'running', 'its stdin is open');
    assert.deepEqual((await recordOf(second, idle)).run, before.run, 'the same run of the same machine');
    assert.equal(await execIn(second.driver, idle, 'cat /sandbox/file; ls /tmp'), 'kept\nonly-in-this-run\n');
    for await (const { message } of second.driver.access?.logs(busy, {
      follow: true,
      tail: 0,
      sinceMs: 0,
      signal,
    }) ?? []) {
      assert.equal(message, 'tick');
      break;
    }
    await second.driver.stop(busy, { signal });
    assert.equal((await stateOf(second.driver, busy))?.kind, 'exited');
    for (const one of [idle, busy, waiting]) {
      assert.equal(await second.driver.delete(one, { signal }), true);
    }
    assert.deepEqual(await readdir(join(second.folder, 'sandboxes')), []);
  }),
);

/** As when a driver process is killed while it switches a machine off. */
async function switchOff(machine: string) {
  const folder = await open(machine, 'r');
  const qmp = await connectQmp(`/proc/self/fd/${folder.fd}/${VM_FILES.control}`, signal);
  try {
    // QEMU is told to take a reset for the end.
    await qmp.run('system_reset', {}, signal);
    await eventually(
      'the guest is off',
      async () => {
        const { status } = (await qmp.run('query-status', {}, signal)) as { status: string };
        return status === 'shutdown';
      },
      SLOW_MS,
    );
  } finally {
    qmp.close();
    await folder.close();
  }
}

test(
  'a machine that was switched off while no driver process was there is waited for by nobody',
  options,
  () =>
    inState(async (stateDir, gatewayId) => {
      // Longer than this test waits for anything.
      const patient = { boot_timeout_secs: 600 };
      const first = await drive(stateDir, gatewayId, patient);
      const sandbox = await running(first.driver);
      await execIn(first.driver, sandbox, 'echo kept > /sandbox/file; sync');
      await first.kill();
      await switchOff(join(first.folder, 'sandboxes', sandbox.id, 'vm'));

      const second = await drive(stateDir, gatewayId, patient);
      await becomes(second.driver, sandbox, 'stopped');
      await second.driver.stop(sandbox, { signal });
      await second.driver.start(sandbox, { signal });
      await becomes(second.driver, sandbox, 'running');
      assert.equal(await execIn(second.driver, sandbox, 'cat /sandbox/file'), 'kept\n');
      assert.equal(await second.driver.delete(sandbox, { signal }), true);
    }),
);

test('a sandbox takes commands from the moment at which it is shown as running', options, () =>
  inState(async (stateDir, gatewayId) => {
    const { driver } = await drive(stateDir, gatewayId);
    const sandbox = await running(driver);
    for (let i = 0; i < 4; i++) {
      await driver.stop(sandbox, { signal });
      await driver.start(sandbox, { signal });
      while ((await stateOf(driver, sandbox))?.kind !== 'running') {}
      assert.equal(await execIn(driver, sandbox, 'echo well'), 'well\n');
    }
    assert.equal(await driver.delete(sandbox, { signal }), true);
  }),
);

test('a machine that was killed leaves a clean disk, and starts again with its files', options, () =>
  inState(async (stateDir, gatewayId) => {
    const { driver, folder } = await drive(stateDir, gatewayId);
    const sandbox = await running(driver);
    await execIn(
      driver,
      sandbox,
      'echo kept > /sandbox/file; sync; (while :; do date >> /sandbox/more; done) &',
    );
    const { run: before } = await recordOf({ driver, folder } as RunningDriver, sandbox);
    process.kill(before.pid, 'SIGKILL');
    await becomes(driver, sandbox, 'stopped');

    const vm = join(folder, 'sandboxes', sandbox.id, 'vm');
    await run('qemu-img', ['convert', '-O', 'raw', join(vm, 'overlay.qcow2'), join(stateDir, 'copy')]);
    // The first look replays the journal, as mounting does; the second must find nothing.
    await run('e2fsck', ['-p', '-E', 'journal_only', join(stateDir, 'copy')]).catch(() => {});
    await run('e2fsck', ['-f', '-n', join(stateDir, 'copy')]);

    await driver.start(sandbox, { signal });
    await becomes(driver, sandbox, 'running');
    assert.equal(await execIn(driver, sandbox, 'cat /sandbox/file'), 'kept\n');
    assert.equal(await driver.delete(sandbox, { signal }), true);
  }),
);
