import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import vm from '../../dist/drivers/vm/entry.js';
import { createDriver } from '../../dist/drivers/vm/index.js';
import { FROM_GATEWAY } from '../../dist/drivers/vm/launch-options.js';
import { driverContext, tableOf } from '../support/driver-context.js';
import type { Bed, EngineObject } from './bed.js';
import { removeControlGroups } from './control-groups.js';

/** Where test/engines/vm/up put things. */
export const VM_HOME = join(process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test', 'vm');
export const VM_STATE = join(VM_HOME, 'state');

const OVERLAY_DISK_MIB = 128;

export function vmTable(settings: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return tableOf(vm.settings, {
    allow_emulation: true,
    vcpus: 1,
    mem_mib: 192,
    overlay_disk_mib: OVERLAY_DISK_MIB,
    boot_timeout_secs: 90,
    guest_dir: join(VM_HOME, 'guest'),
    image_dir: join(VM_HOME, 'images'),
    ...settings,
  });
}

function vmDriver(gatewayId: string, settings: Readonly<Record<string, unknown>>): Promise<ComputeDriver> {
  return createDriver(
    driverContext({ gatewayId, settings: vmTable(settings), stateDir: VM_STATE, env: process.env }),
  );
}

interface Shared {
  readonly driver: Promise<ComputeDriver>;
  users: number;
}

interface StoredRecord {
  readonly labels: Record<string, string>;
  readonly run?: { readonly pid?: number };
}

async function recordsIn(folder: string): Promise<(StoredRecord & { name: string })[]> {
  const names = await readdir(folder).catch(() => []);
  const records = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name, 'sandbox.json'), 'utf8').catch(() => '{}');
      return { labels: {}, ...(JSON.parse(text) as Partial<StoredRecord>), name };
    }),
  );
  return records;
}

async function isMachine(pid: number, id: string): Promise<boolean> {
  return (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).includes(`openshell-${id}`);
}

/** The driver processes that this process has started. */
async function driverProcesses(): Promise<number[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const ours = await Promise.all(
    numbers.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
      const argv = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
      return status.includes(`\nPPid:\t${process.pid}\n`) && argv.includes(FROM_GATEWAY);
    }),
  );
  return numbers.filter((_, i) => ours[i]).map(Number);
}

/**
 * QEMU behind the driver process that the driver starts for itself. One process serves one gateway id. A gateway in
 * a process of its own keeps its machines in a state directory of its own: `stateDirs` says where to look for them.
 */
export function vmBed(stateDirs: readonly string[] = [VM_STATE]): Bed {
  const recordsOf = async (gatewayId: string) =>
    (await Promise.all(stateDirs.map((dir) => recordsIn(join(dir, gatewayId, 'sandboxes'))))).flat();
  const shared = new Map<string, Shared>();
  return {
    name: 'vm',
    patienceMs: 90_000,
    async unavailable() {
      const probe = await vm.probe({
        settings: vmTable(),
        env: process.env,
        signal: AbortSignal.timeout(5_000),
      });
      if (probe.state === 'unavailable') {
        return probe.reason;
      }
      const ready = await stat(join(VM_HOME, 'images', 'complete')).catch(() => undefined);
      return ready === undefined ? 'no guest and no test images: run test/engines/vm/up' : undefined;
    },
    async createDriver(gatewayId, settings = {}) {
      const entry = shared.get(gatewayId) ?? { driver: vmDriver(gatewayId, settings), users: 0 };
      shared.set(gatewayId, entry);
      entry.users++;
      const driver = await entry.driver;
      return {
        ...driver,
        async close() {
          if (--entry.users > 0) {
            return;
          }
          shared.delete(gatewayId);
          await driver.close();
        },
      };
    },
    images: { shell: 'openshell-test:1', nonRoot: 'openshell-test:nonroot' },
    lacks: {
      noShellImage: 'the agent idles by itself and ends commands without a shell',
      readOnlyRoot: 'the root is the sandbox’s own disk',
      hardening: 'process 1 is the agent, which has every right in its own machine',
      foreign: 'no other program keeps machines in the state directory',
    },
    pidsLimit32Settings: { sandbox_pids_limit: 32 },
    diskMib: OVERLAY_DISK_MIB,
    processes: driverProcesses,
    objects: async (gatewayId): Promise<EngineObject[]> => recordsOf(gatewayId),
    async cleanup(gatewayId) {
      for (const { name, run } of await recordsOf(gatewayId)) {
        if (run?.pid !== undefined && (await isMachine(run.pid, name))) {
          process.kill(run.pid, 'SIGKILL');
        }
      }
      for (const dir of stateDirs) {
        await rm(join(dir, gatewayId), { recursive: true, force: true });
      }
      await removeControlGroups(gatewayId);
    },
  };
}
