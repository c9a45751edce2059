import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { type Logger, silentLogger } from '../../dist/compute/log.js';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import { createDriver } from '../../dist/drivers/vm/process/module.js';
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
  VM_HOME,
  vmSettings,
  withoutMachines,
} from './driver.js';

const options = { skip: withoutMachines, timeout: 600_000 };
const signal = new AbortController().signal;

interface Home {
  readonly stateDir: string;
  readonly driver: ComputeDriver;
  /** What was logged about where machines came from, the last first. */
  readonly said: string[];
  /** The folders of the snapshots that are ready. */
  snapshots(): Promise<string[]>;
  /** Creates a sandbox and waits until it runs. */
  run(sandbox?: DriverSandbox): Promise<DriverSandbox>;
  commandLine(sandbox: DriverSandbox): Promise<string>;
}

function loggerInto(said: string[]): Logger {
  const logger: Logger = {
    ...silentLogger,
    info: (message) => said.unshift(message),
    warn: (message) => said.unshift(message),
    child: () => logger,
  };
  return logger;
}

async function withDriver(
  stateDir: string,
  gatewayId: string,
  settings: Readonly<Record<string, unknown>>,
  body: (home: Home) => Promise<void>,
) {
  const said: string[] = [];
  const driver = await createDriver({
    gatewayId,
    version: '0.0.0-test',
    stateDir,
    settings: { ...vmSettings, ...settings },
    env: process.env,
    endpoint: '',
    log: loggerInto(said),
  });
  const snapshots = async () => {
    const names = await readdir(join(stateDir, 'templates')).catch(() => []);
    return names.filter((name) => !name.startsWith('.')).map((name) => join(stateDir, 'templates', name));
  };
  try {
    await body({
      stateDir,
      driver,
      said,
      snapshots,
      run: async (sandbox = sandboxOf()) => {
        await driver.create(sandbox, { signal });
        await becomes(driver, sandbox, 'running');
        return sandbox;
      },
      commandLine: async ({ id }) => {
        const record = join(stateDir, gatewayId, 'sandboxes', id, 'sandbox.json');
        const { run } = JSON.parse(await readFile(record, 'utf8')) as { run: { pid: number } };
        return (await readFile(`/proc/${run.pid}/cmdline`, 'latin1')).replaceAll('\0', ' ');
      },
    });
  } finally {
    await driver.close();
  }
}

const processes: RunningDriver[] = [];
async function drive(stateDir: string, gatewayId: string): Promise<RunningDriver> {
  const driver = await makeDriver(stateDir, gatewayId);
  processes.push(driver);
  return driver;
}

async function inState(body: (stateDir: string, gatewayId: string) => Promise<void>) {
  const { path: stateDir, remove } = tempFolder(VM_HOME);
  const gatewayId = randomUUID();
  try {
    await body(stateDir, gatewayId);
  } finally {
    // One more, for it ends what a failed test left running.
    if (processes.length === 0) {
      await drive(stateDir, gatewayId);
    }
    for (const driver of processes.splice(0)) {
      await driver.destroy();
    }
    remove();
  }
}

async function madeOnce({ run, driver, snapshots, said }: Home) {
  const first = await run();
  assert.match(said.join('\n'), /boots cold: the snapshot of 1 CPU, 192 MiB: none exists yet/);
  assert.equal(await driver.delete(first, { signal }), true);
  await eventually('a snapshot is made', async () => (await snapshots()).length === 1, SLOW_MS);
  return (await snapshots())[0] as string;
}

test(
  'sandboxes are restored from one snapshot, each with its own disk, clock and random numbers',
  options,
  () =>
    inState(async (stateDir, gatewayId) => {
      let kept: DriverSandbox | undefined;
      await withDriver(stateDir, gatewayId, {}, async (home) => {
        const { driver, run, said, commandLine } = home;
        const snapshot = await madeOnce(home);
        assert.equal((await stat(snapshot)).mode & 0o077, 0);
        assert.equal((await stat(join(snapshot, 'state'))).mode & 0o077, 0);
        const before = await readFile(join(snapshot, 'state'));
        said.length = 0;

        const one = await run();
        const two = await run();
        for (const sandbox of [one, two]) {
          assert.match(await commandLine(sandbox), /-incoming fd:3/);
        }
        await execIn(driver, one, 'echo mine > /sandbox/file; echo mine > /dev/shm/memory');
        assert.equal(await execIn(driver, two, 'ls /sandbox /dev/shm'), '/dev/shm:\n\n/sandbox:\n');
        await driver.stop(one, { signal });
        await driver.start(one, { signal });
        await becomes(driver, one, 'running');
        assert.match(await commandLine(one), /-incoming fd:3/);
        assert.equal(await execIn(driver, one, 'cat /sandbox/file; ls /dev/shm'), 'mine\n');
        // By now a clock that went on where the snapshot's stood would be late.
        const { mtimeMs } = await stat(join(snapshot, 'state'));
        await eventually('the snapshot is old', async () => Date.now() - mtimeMs > 8_000, SLOW_MS);
        const script =
          'cat /proc/sys/kernel/random/boot_id; head -c 16 /dev/urandom | od -An -tx1; hostname; date +%s';
        const tellers = [sandboxOf(['/bin/sh', '-c', script]), sandboxOf(['/bin/sh', '-c', script])];
        for (const teller of tellers) {
          await driver.create(teller, { signal });
        }
        const words: string[][] = [];
        for (const teller of tellers) {
          await becomes(driver, teller, 'exited');
          const lines: string[] = [];
          for await (const { message, timeMs } of driver.access?.logs(teller, {
            follow: true,
            tail: undefined,
            sinceMs: 0,
            signal,
          }) ?? []) {
            if (lines.length === 3) {
              assert.ok(Math.abs(Number(message) - timeMs / 1000) < 4, `${message} at ${timeMs}`);
            }
            lines.push(message);
          }
          assert.equal(lines[2], teller.name);
          words.push(lines);
        }
        for (const at of [0, 1, 2]) {
          assert.notEqual(words[0]?.[at], words[1]?.[at]);
        }
        assert.deepEqual(said, [], 'none booted cold');
        assert.ok(before.equals(await readFile(join(snapshot, 'state'))), 'no sandbox changes the snapshot');
        assert.equal(await driver.delete(two, { signal }), true);
        kept = one;
      });
      // The machine ran on without a driver process, and another one that is killed, and the next.
      const first = await drive(stateDir, gatewayId);
      assert.ok(kept !== undefined);
      assert.equal(
        await execIn(first.driver, kept, 'cat /sandbox/file; echo still > /dev/shm/memory'),
        'mine\n',
      );
      await first.kill();
      const second = await drive(stateDir, gatewayId);
      assert.equal(await execIn(second.driver, kept, 'cat /dev/shm/memory'), 'still\n');
      assert.equal(await second.driver.delete(kept, { signal }), true);
    }),
);

test(
  'a snapshot that cannot serve is removed, and the machine boots cold with the reason in the log',
  options,
  () =>
    inState((stateDir, gatewayId) =>
      withDriver(stateDir, gatewayId, {}, async (home) => {
        const { driver, run, said, snapshots, commandLine } = home;
        const snapshot = await madeOnce(home);
        said.length = 0;
        // Whole as far as anyone can tell, and yet no state of any machine.
        const garbage = Buffer.alloc(1024 * 1024, 'garbage');
        const sha256 = createHash('sha256').update(garbage).digest('hex');
        await writeFile(join(snapshot, 'state'), garbage);
        await writeFile(join(snapshot, 'manifest.json'), JSON.stringify({ bytes: garbage.length, sha256 }));
        const unrestored = await run();
        assert.doesNotMatch(await commandLine(unrestored), /-incoming/);
        assert.match(
          said.join('\n'),
          /boots cold: it cannot be restored from its snapshot: .*Not a migration stream/,
        );
        assert.equal(await driver.delete(unrestored, { signal }), true);

        await eventually('another one is made', async () => (await snapshots()).includes(snapshot), SLOW_MS);
        said.length = 0;
        await truncate(join(snapshot, 'state'), 4096);
        const cold = await run();
        assert.doesNotMatch(await commandLine(cold), /-incoming/);
        assert.match(said.join('\n'), /boots cold: .*it was damaged and has been removed: it has 4096 bytes/);
        assert.equal(await driver.delete(cold, { signal }), true);
      }),
    ),
);

test(
  'a driver process that is killed while it makes a snapshot leaves neither machine nor files',
  options,
  () =>
    inState(async (stateDir, gatewayId) => {
      const snapshots = join(stateDir, 'templates');
      const unfinished = async () =>
        (await readdir(snapshots).catch(() => [])).filter((name) => name.startsWith('.make-'));
      const first = await drive(stateDir, gatewayId);
      const sandbox = sandboxOf();
      await first.driver.create(sandbox, { signal });
      const nameOf = async () => `openshell-template:${(await unfinished())[0]}`;
      await eventually(
        'one is being made',
        async () => (await findMachine(await nameOf())) !== undefined,
        SLOW_MS,
      );
      const name = await nameOf();
      await first.kill();
      const second = await drive(stateDir, gatewayId);
      assert.equal(await findMachine(name), undefined);
      assert.deepEqual(await unfinished(), []);
      await becomes(second.driver, sandbox, 'running');
      assert.equal(await second.driver.delete(sandbox, { signal }), true);
    }),
);

test('with snapshots switched off every machine boots, and none is made', options, () =>
  inState((stateDir, gatewayId) =>
    withDriver(stateDir, gatewayId, { templates: false }, async ({ driver, run, said, commandLine }) => {
      const sandbox = await run();
      assert.doesNotMatch(await commandLine(sandbox), /-incoming/);
      assert.deepEqual(
        said.filter((line) => line.includes('snapshot')),
        [],
      );
      assert.equal(await driver.delete(sandbox, { signal }), true);
      await assert.rejects(stat(join(stateDir, 'templates')), { code: 'ENOENT' });
    }),
  ),
);
