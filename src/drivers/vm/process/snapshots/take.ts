import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { GuestFiles } from '../guest/prepare.js';
import { identityOf } from '../lock.js';
import type { MachineShape } from '../qemu/arguments.js';
import type { Confinement } from '../qemu/confinement.js';
import type { QemuUser } from '../qemu/user.js';
import { createBlankDisk, placeGuest, vmDirectory } from '../sandboxes/disk.js';
import { findMachine, killMachine, launchMachine } from '../sandboxes/machine.js';
import { type SavedState, saveState } from './state.js';
import { STATE_FILE } from './store.js';

export interface MakeOptions {
  /** Where snapshots are stored; the work is done in a temporary folder below it. */
  readonly directory: string;
  readonly qemu: string;
  readonly shape: MachineShape;
  readonly guest: GuestFiles;
  readonly user: QemuUser | undefined;
  readonly confinement: Confinement;
  readonly bootTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** Prefix of temporary folders, followed by the process's id and start time and six letters. */
const WORK_PREFIX = '.make-';
const MIB = 1024 * 1024;
/** What a state holds besides the guest's memory. */
const DEVICES_MIB = 64;

/** Differs from every sandbox's name, none of which has a colon. */
function nameOf(work: string): string {
  return `openshell-template:${basename(work)}`;
}

/**
 * Boots a machine without a sandbox, stops it before it mounts a root disk, where all sandboxes start from, and passes the
 * folder with its state to `keep`. Leaves no process and nothing else on disk.
 */
export async function takeSnapshot(
  options: MakeOptions,
  keep: (folder: string, saved: SavedState) => Promise<void>,
): Promise<void> {
  const { shape, user, signal } = options;
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const maker = ((await identityOf(process.pid)) ?? `${process.pid} 0`).replace(' ', '-');
  const work = await mkdtemp(join(options.directory, `${WORK_PREFIX}${maker}-`));
  try {
    const folder = join(work, 'made');
    await mkdir(folder, { mode: 0o700 });
    await createBlankDisk(work, user?.uid);
    await placeGuest(work, options.guest);
    const machine = await launchMachine({
      qemu: options.qemu,
      shape: { ...shape, name: nameOf(work) },
      directory: vmDirectory(work),
      user,
      confinement: options.confinement,
      stateFd: undefined,
      bootTimeoutMs: options.bootTimeoutMs,
      onStarted: async () => {},
      signal,
    });
    try {
      await machine.channel.release(signal);
      machine.channel.close();
      const saved = await saveState(machine, {
        directory: vmDirectory(work),
        owner: user?.uid,
        file: join(folder, STATE_FILE),
        maxBytes: (shape.memoryMib + DEVICES_MIB) * MIB,
        signal,
      });
      await keep(folder, saved);
    } finally {
      await machine.kill();
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Ends the machines and removes the folders that earlier processes left. */
export async function clearUnmade(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    const match = /^\.make-(\d+)-(\d+)-/.exec(name);
    if (match === null || (await identityOf(Number(match[1]))) === `${match[1]} ${match[2]}`) {
      continue;
    }
    const pid = await findMachine(nameOf(name));
    if (pid !== undefined) {
      await killMachine(pid, nameOf(name));
    }
    await rm(join(directory, name), { recursive: true, force: true });
  }
}
