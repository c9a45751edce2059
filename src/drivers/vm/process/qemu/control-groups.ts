import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../../../compute/log.js';
import { delay } from '../../../../kit/deadline.js';
import { exists } from '../files.js';
import type { MachineShape } from './arguments.js';

/** A control group per machine, which limits its QEMU to the machine's size and an allowance for QEMU itself. */
export interface ControlGroups {
  /** The groups that the machine's process has to enter; none where there are no control groups. */
  create(shape: MachineShape): Promise<string[]>;
  /** Call once its process has ended. */
  remove(name: string): Promise<void>;
  /** Removes groups without running machines. */
  close(): Promise<void>;
}

interface ControlGroupsOptions {
  readonly gatewayId: string;
  readonly log: Logger;
  readonly root?: string;
  readonly ownGroups?: string;
}

const OURS = 'openshell-vm';
const MIB = 1024 * 1024;
const PERIOD_US = 100_000;
/** For translated code, devices, and cached disk data. */
const QEMU_MIB = 384;
/** For the threads that serve the guest's devices. */
const QEMU_CPUS = 1;
/** At most 64 threads serve a disk. */
const QEMU_THREADS = 128;
const REMOVE_TRIES = 20;
const RETRY_MS = 10;

type Controller = 'memory' | 'cpu' | 'pids';
const CONTROLLERS: readonly Controller[] = ['memory', 'cpu', 'pids'];

type Files = (shape: MachineShape) => Record<string, string>;

function quotaUs({ vcpus }: MachineShape): number {
  return (vcpus + QEMU_CPUS) * PERIOD_US;
}

function memoryBytes({ memoryMib }: MachineShape): string {
  return String((memoryMib + QEMU_MIB) * MIB);
}

function threads({ vcpus }: MachineShape): string {
  return String(vcpus + QEMU_THREADS);
}

const V2: Record<Controller, Files> = {
  memory: (shape) => ({ 'memory.max': memoryBytes(shape) }),
  cpu: (shape) => ({ 'cpu.max': `${quotaUs(shape)} ${PERIOD_US}` }),
  pids: (shape) => ({ 'pids.max': threads(shape) }),
};

const V1: Record<Controller, Files> = {
  memory: (shape) => ({ 'memory.limit_in_bytes': memoryBytes(shape) }),
  cpu: (shape) => ({ 'cpu.cfs_period_us': String(PERIOD_US), 'cpu.cfs_quota_us': String(quotaUs(shape)) }),
  pids: (shape) => ({ 'pids.max': threads(shape) }),
};

/** A parent of this gateway's groups, and what to write into them. */
interface Place {
  readonly folder: string;
  readonly controllers: readonly Controller[];
  readonly files: Record<Controller, Files>;
}

function nameOf(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, '_');
}

/** Each level has to delegate its controllers to the next. */
async function placesV2(root: string, gateway: string): Promise<Place[]> {
  const folder = join(root, OURS, gateway);
  await mkdir(folder, { recursive: true });
  const had = (await readFile(join(root, 'cgroup.controllers'), 'utf8')).trim().split(' ');
  const controllers = CONTROLLERS.filter((one) => had.includes(one));
  for (const level of [root, join(root, OURS), folder]) {
    for (const one of controllers) {
      await writeFile(join(level, 'cgroup.subtree_control'), `+${one}`);
    }
  }
  return [{ folder, controllers, files: V2 }];
}

/** Below our own group, so that our limits also apply to our machines. */
async function placesV1(root: string, gateway: string, ownGroups: string): Promise<Place[]> {
  const own = new Map<string, string>();
  for (const line of ownGroups.split('\n')) {
    const [, names = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const name of names.split(',')) {
      own.set(name, path);
    }
  }
  const places: Place[] = [];
  for (const one of CONTROLLERS) {
    const nested = join(root, one, own.get(one) ?? '/');
    const above = (await exists(nested)) ? nested : join(root, one);
    if (!(await exists(join(above, 'cgroup.procs')))) {
      continue;
    }
    const folder = join(above, OURS, gateway);
    await mkdir(folder, { recursive: true });
    places.push({ folder, controllers: [one], files: V1 });
  }
  return places;
}

/** Also removes the groups of machines that have ended. */
export async function openControlGroups(options: ControlGroupsOptions): Promise<ControlGroups> {
  const { gatewayId, log, root = '/sys/fs/cgroup' } = options;
  const gateway = nameOf(gatewayId);
  const reported = new Set<string>();
  function without(what: string, error?: unknown) {
    if (reported.has(what)) {
      return;
    }
    reported.add(what);
    const reason = (error as Error)?.message ?? 'no such control group';
    log.warn(`QEMU runs without its own limit on ${what}: ${reason}`);
  }

  async function find(): Promise<Place[]> {
    try {
      if (await exists(join(root, 'cgroup.controllers'))) {
        return await placesV2(root, gateway);
      }
      const own = options.ownGroups ?? (await readFile('/proc/self/cgroup', 'utf8'));
      return await placesV1(root, gateway, own);
    } catch (error) {
      without(CONTROLLERS.join(', '), error);
      return [];
    }
  }

  const places = await find();
  if (reported.size === 0) {
    for (const one of CONTROLLERS) {
      if (!places.some(({ controllers }) => controllers.includes(one))) {
        without(one);
      }
    }
  }
  for (const { folder } of places) {
    for (const left of await readdir(folder, { withFileTypes: true })) {
      if (left.isDirectory()) {
        await rmdir(join(folder, left.name)).catch(() => {});
      }
    }
  }

  async function createIn({ folder, controllers, files }: Place, shape: MachineShape): Promise<string> {
    const group = join(folder, nameOf(shape.name));
    await mkdir(group, { recursive: true });
    for (const one of controllers) {
      for (const [file, value] of Object.entries(files[one](shape))) {
        await writeFile(join(group, file), value).catch((error) => without(one, error));
      }
    }
    return group;
  }

  return {
    create: async (shape) => {
      const groups: string[] = [];
      for (const place of places) {
        await createIn(place, shape).then(
          (group) => groups.push(group),
          (error) => without(place.controllers.join(', '), error),
        );
      }
      return groups;
    },
    remove: async (name) => {
      for (const { folder } of places) {
        await removeGroup(join(folder, nameOf(name)));
      }
    },
    close: async () => {
      for (const { folder } of places) {
        await rmdir(folder).catch(() => {});
      }
    },
  };
}

/** A process leaves its group shortly after it has ended. */
async function removeGroup(group: string): Promise<void> {
  for (let tries = REMOVE_TRIES; tries > 0; tries--) {
    try {
      return await rmdir(group);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') {
        return;
      }
    }
    await delay(RETRY_MS);
  }
}
