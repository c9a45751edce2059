import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import { type CpioEntry, writeCpio } from '../../dist/drivers/vm/process/guest/cpio.js';
import { findMachine } from '../../dist/drivers/vm/process/sandboxes/machine.js';
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
const guest = join(VM_HOME, 'guest');

async function inState(
  settings: (stateDir: string) => Promise<Record<string, unknown>>,
  body: (running: RunningDriver) => Promise<void>,
) {
  const { path: stateDir, remove } = tempFolder(VM_HOME);
  const running = await makeDriver(stateDir, randomUUID(), await settings(stateDir));
  try {
    await body(running);
  } finally {
    await running.destroy();
    remove();
  }
}

/** The process of the sandbox's machine, once it is none of `before`. */
async function newMachine(
  { folder }: RunningDriver,
  sandbox: DriverSandbox,
  before: ReadonlySet<number>,
): Promise<number> {
  let pid = 0;
  await eventually(
    'a machine starts',
    async () => {
      const record = await readFile(join(folder, 'sandboxes', sandbox.id, 'sandbox.json'), 'utf8');
      pid = (JSON.parse(record) as { run?: { pid?: number } }).run?.pid ?? 0;
      return pid > 0 && !before.has(pid);
    },
    SLOW_MS,
  );
  return pid;
}

function consoleOf({ folder }: RunningDriver, { id }: DriverSandbox): Promise<string> {
  return readFile(join(folder, 'sandboxes', id, 'console.log'), 'utf8');
}

/** A guest with nothing but these files. */
function guestOf(boot_timeout_secs: number, entries: () => Promise<CpioEntry[]>) {
  return async (stateDir: string) => {
    const initramfs = join(stateDir, 'initramfs');
    await writeFile(initramfs, writeCpio(await entries()));
    return { kernel: join(guest, 'vmlinux'), initramfs, boot_timeout_secs };
  };
}

const nothing = guestOf(600, async () => [{ path: 'nothing', mode: 0o040755 }]);

/** The init of a static busybox: it stays, and is no agent. */
const noAgent = guestOf(10, async () => [
  { path: 'dev', mode: 0o040755 },
  { path: 'init', mode: 0o100755, data: await readFile('/bin/busybox') },
]);

async function failsToBoot(running: RunningDriver, message: RegExp): Promise<DriverSandbox> {
  const sandbox = sandboxOf();
  await running.driver.create(sandbox, { signal });
  await becomes(running.driver, sandbox, 'failed');
  const state = await stateOf(running.driver, sandbox);
  assert.ok(state?.kind === 'failed');
  assert.equal(state.reason, 'BootFailed');
  assert.match(state.message, message);
  assert.equal(await findMachine(`openshell-${sandbox.id}`), undefined);
  return sandbox;
}

test('a guest whose agent never answers fails at its deadline', options, () =>
  inState(noAgent, async (running) => {
    const sandbox = await failsToBoot(running, /did not answer within 10 s/);
    assert.equal(await running.driver.delete(sandbox, { signal }), true);
  }),
);

test('a guest that dies fails at once, with what its console said', options, () =>
  inState(nothing, async (running) => {
    const sandbox = await failsToBoot(running, /powered off.*Kernel panic/s);
    assert.match(await consoleOf(running, sandbox), /Kernel panic/);
    assert.equal(await running.driver.delete(sandbox, { signal }), true);
  }),
);

test(
  'a machine that somebody kills while it boots is started again, and given up after the third',
  options,
  () =>
    inState(
      async () => ({ templates: false }),
      async (running) => {
        const [once, always] = [sandboxOf(), sandboxOf()];
        await running.driver.create(once, { signal });
        process.kill(await newMachine(running, once, new Set()), 'SIGKILL');
        await becomes(running.driver, once, 'running');
        assert.equal(await execIn(running.driver, once, 'echo well'), 'well\n');
        await running.driver.delete(once, { signal });

        await running.driver.create(always, { signal });
        const killed = new Set<number>();
        for (let i = 0; i < 3; i++) {
          const pid = await newMachine(running, always, killed);
          process.kill(pid, 'SIGKILL');
          killed.add(pid);
        }
        await becomes(running.driver, always, 'failed');
        const state = await stateOf(running.driver, always);
        assert.ok(state?.kind === 'failed');
        assert.equal(state.reason, 'QemuKilled');
        assert.equal(await running.driver.delete(always, { signal }), true);
      },
    ),
);
