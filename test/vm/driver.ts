import { randomUUID } from 'node:crypto';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type ObservedState, observedState } from '../../dist/compute/conditions.js';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { silentLogger } from '../../dist/compute/log.js';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import { superviseProcess } from '../../dist/drivers/vm/supervisor.js';
import { connectDriver } from '../../dist/remote/client.js';
import { removeControlGroups } from '../conformance/control-groups.js';
import { VM_HOME, vmBed, vmTable } from '../conformance/vm-bed.js';
import { skipWithout } from '../support/engines.js';
import { tempFolder } from '../support/folder.js';
import { run } from '../support/run.js';
import { aSandbox } from '../support/sandboxes.js';
import { eventually } from '../support/wait.js';

export { VM_HOME };

/** How long to wait for what needs a machine: it is emulated, and shares the cores with other tests. */
export const SLOW_MS = 120_000;

export const vmSettings = vmTable({
  overlay_disk_mib: 64,
  boot_timeout_secs: 120,
  insecure_registries: ['127.0.0.1'],
  local_registries: ['127.0.0.1'],
});

/** The `skip` of tests on real machines: false, or why there are none. */
export const withoutMachines = skipWithout('vm', await vmBed().unavailable());

/** What the driver says of a sandbox; undefined when it has none. */
export async function stateOf(
  driver: ComputeDriver,
  sandbox: DriverSandbox,
): Promise<ObservedState | undefined> {
  const observed = await driver.get(sandbox, { signal: AbortSignal.timeout(60_000) });
  return observed === undefined ? undefined : observedState(observed.status);
}

export function becomes(
  driver: ComputeDriver,
  sandbox: DriverSandbox,
  kind: ObservedState['kind'],
): Promise<true> {
  return eventually(
    `sandbox '${sandbox.name}' is ${kind}`,
    async () => (await stateOf(driver, sandbox))?.kind === kind,
    SLOW_MS,
  );
}

export interface RunningDriver {
  readonly driver: ComputeDriver;
  /** What belongs to this gateway id in the state directory. */
  readonly folder: string;
  /** Ends the driver process with SIGKILL. */
  kill(): Promise<void>;
  /** Ends the driver process and every machine. */
  destroy(): Promise<void>;
}

async function pidOf(lock: string): Promise<number> {
  return Number((await readlink(lock)).split(' ')[0]);
}

async function machines(folder: string): Promise<number[]> {
  const pids: number[] = [];
  for (const id of await readdir(join(folder, 'sandboxes')).catch(() => [])) {
    const text = await readFile(join(folder, 'sandboxes', id, 'sandbox.json'), 'utf8').catch(() => '{}');
    const { run } = JSON.parse(text) as { run?: { pid?: number } };
    const line = await readFile(`/proc/${run?.pid}/cmdline`, 'latin1').catch(() => '');
    if (run?.pid !== undefined && line.includes(`openshell-${id}`)) {
      pids.push(run.pid);
    }
  }
  return pids;
}

/** A driver process of its own and a client to it. */
export async function makeDriver(
  stateDir: string,
  gatewayId: string,
  own: Readonly<Record<string, unknown>> = {},
): Promise<RunningDriver> {
  const folder = join(stateDir, gatewayId);
  const token = randomUUID();
  const socketPath = join(stateDir, 'run', `${randomUUID().slice(0, 8)}.sock`);
  const supervised = superviseProcess({
    program: '',
    options: {
      gatewayId,
      version: '0.0.0-test',
      stateDir,
      settings: { ...vmSettings, ...own },
      logLevel: 'error',
      socketPath,
      token,
    },
    env: process.env,
    log: silentLogger,
  });
  const driver = await connectDriver({ name: 'vm', socketPath, token, signal: AbortSignal.timeout(120_000) });
  const end = async () => {
    await driver.close();
    await supervised.stop();
  };
  return {
    driver,
    folder,
    async kill() {
      process.kill(await pidOf(join(folder, 'driver.lock')), 'SIGKILL');
      await end();
    },
    async destroy() {
      await end();
      for (const pid of await machines(folder)) {
        process.kill(pid, 'SIGKILL');
      }
      await removeControlGroups(gatewayId);
    },
  };
}

/** The same in a state directory of its own, which goes with it. */
export async function makeOwnDriver(own: Readonly<Record<string, unknown>> = {}): Promise<RunningDriver> {
  const { path, remove } = tempFolder(VM_HOME);
  const running = await makeDriver(path, randomUUID(), own);
  return { ...running, destroy: () => running.destroy().finally(remove) };
}

export function sandboxOf(command: readonly string[] = [], image = 'openshell-test:1'): DriverSandbox {
  return aSandbox(image, { command });
}

/** Runs a shell script in the sandbox and gives its stdout. */
export async function execIn(
  driver: ComputeDriver,
  sandbox: DriverSandbox,
  script: string,
  shell: readonly string[] = ['/bin/sh'],
): Promise<string> {
  const { stdout } = await run(driver, sandbox, [...shell, '-c', script]);
  return stdout;
}
