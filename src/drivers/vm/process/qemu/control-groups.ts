import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../../../compute/log.js';
import { delay } from '../../../../kit/deadline.js';
import type { MachineShape } from './arguments.js';

/** A control group for each machine: its QEMU takes no more than the machine was given, and something for itself. */
export interface ControlGroups {
  /** The folders that the machine's process has to enter; none where there are no control groups. */
  make(shape: MachineShape): Promise<string[]>;
  /** Once its process is gone. */
  remove(name: string): Promise<void>;
  /** Leaves nothing where no machine runs on. */
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
/** Translated code, devices, and what the host keeps of a disk for it. */
const QEMU_MIB = 384;
/** One more than the guest has: for the threads that serve its devices. */
const QEMU_CPUS = 1;
/** Those that serve a disk are 64 at most. */
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

/** Where the groups of this gateway's machines are, and what to write there. */
interface Place {
  readonly folder: string;
  readonly controllers: readonly Controller[];
  readonly files: Record<Controller, Files>;
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function nameOf(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, '_');
}

/** Each level has to hand its controllers on to the next. */
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

/** Below our own group, so that what was set for us holds for our machines too. */
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
    const above = (await isThere(nested)) ? nested : join(root, one);
    if (!(await isThere(join(above, 'cgroup.procs')))) {
      continue;
    }
    const folder = join(above, OURS, gateway);
    await mkdir(folder, { recursive: true });
    places.push({ folder, controllers: [one], files: V1 });
  }
  return places;
}

/** Also removes what machines that are gone have left. */
export async function openControlGroups(options: ControlGroupsOptions): Promise<ControlGroups> {
  const { gatewayId, log, root = '/sys/fs/cgroup' } = options;
  const gateway = nameOf(gatewayId);
  const told = new Set<string>();
  function without(what: string, error?: unknown) {
    if (told.has(what)) {
      return;
    }
    told.add(what);
    log.warn(
      `QEMU runs without a limit of its own on ${what}: ${(error as Error)?.message ?? 'no such control group'}`,
    );
  }

  async function find(): Promise<Place[]> {
    try {
      if (await isThere(join(root, 'cgroup.controllers'))) {
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
  if (told.size === 0) {
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

  async function makeIn({ folder, controllers, files }: Place, shape: MachineShape): Promise<string> {
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
    make: async (shape) => {
      const made: string[] = [];
      for (const place of places) {
        await makeIn(place, shape).then(
          (group) => made.push(group),
          (error) => without(place.controllers.join(', '), error),
        );
      }
      return made;
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

/** A process leaves its group a little after it is gone. */
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
