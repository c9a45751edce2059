import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import {
  eventually,
  execIn,
  makeDriver,
  type RunningDriver,
  sandboxOf,
  unavailable,
  VM_HOME,
} from './driver.js';

const options = { skip: (await unavailable()) ?? false, timeout: 1_800_000 };
const ROUNDS = Number(process.env.OPENSHELL_CRASH_ROUNDS ?? 3);
const signal = AbortSignal.timeout(1_800_000);

const stateOf = async ({ driver }: RunningDriver, sandbox: DriverSandbox) => {
  const observed = await driver.get(sandbox, { signal });
  return observed === undefined ? 'gone' : observedState(observed.status).kind;
};

const processesNaming = async (text: string): Promise<string[]> => {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    const line = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '') : '';
    if (line.includes(text)) found.push(pid);
  }
  return found;
};

test(
  `${ROUNDS} rounds of kill -9, of the driver process or of a machine: no file, process or sandbox goes astray`,
  options,
  async () => {
    const stateDir = await mkdtemp(join(VM_HOME, 'crash-'));
    const gatewayId = randomUUID();
    let running = await makeDriver(stateDir, gatewayId);
    const sandbox = sandboxOf();
    let short: DriverSandbox | undefined;
    try {
      await running.driver.create(sandbox, { signal });
      for (let round = 0; round < ROUNDS; round++) {
        await eventually('it runs', async () => (await stateOf(running, sandbox)) === 'running');
        await execIn(running.driver, sandbox, `echo ${round} >> /sandbox/rounds; sync`);
        if (round % 3 === 0) {
          const record = join(running.folder, 'sandboxes', sandbox.id, 'sandbox.json');
          const { run } = JSON.parse(await readFile(record, 'utf8')) as { run: { pid: number } };
          process.kill(run.pid, 'SIGKILL');
          await eventually('the loss is seen', async () => (await stateOf(running, sandbox)) === 'stopped');
          await running.driver.start(sandbox, { signal });
        } else {
          // In the middle of a create, somewhere else each time.
          short = sandboxOf();
          await running.driver.create(short, { signal });
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 3_000));
          await running.kill();
          running = await makeDriver(stateDir, gatewayId);
          const { id } = short;
          const ids = (await running.driver.list({ signal })).map((one) => one.id);
          assert.deepEqual(ids.sort(), [sandbox.id, id].sort());
          assert.equal(await running.driver.delete(short, { signal }), true);
          await eventually(
            'nothing of it is left',
            async () => (await processesNaming(`openshell-${id}`)).length === 0,
          );
          short = undefined;
        }
      }
      await eventually('it runs', async () => (await stateOf(running, sandbox)) === 'running');
      const rounds = await execIn(running.driver, sandbox, 'cat /sandbox/rounds');
      assert.equal(rounds, Array.from({ length: ROUNDS }, (_, round) => `${round}\n`).join(''));
      assert.equal(await running.driver.delete(sandbox, { signal }), true);
      assert.deepEqual(await readdir(join(running.folder, 'sandboxes')), []);
      assert.deepEqual(await processesNaming(`openshell-${sandbox.id}`), []);
      assert.deepEqual(
        (await readdir(join(stateDir, 'disks'))).filter((name) => name.startsWith('.')),
        [],
      );
    } finally {
      await running.destroy();
      await rm(stateDir, { recursive: true, force: true });
    }
  },
);
