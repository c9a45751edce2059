import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { type MachineShape, qemuArguments } from '../qemu/arguments.js';

/** What a snapshot's state depends on: it fits only machines that are equal in all of it. */
export interface SnapshotKind {
  /** The machine's name is ignored. */
  readonly shape: MachineShape;
  /** Digest of kernel and initramfs. */
  readonly guestDigest: string;
  /** The output of `qemu --version`, which includes the package's revision. */
  readonly qemuBuild: string;
  /** The host's CPU as the guest sees it; empty under emulation. */
  readonly hostCpu: string;
}

/** Increased when the contents of snapshots change, or how they are taken. */
const FORMAT = 1;

/** The name of the snapshot for this kind of machine, the same in every driver process. */
export function snapshotKey({ shape, ...rest }: SnapshotKind): string {
  const machine = qemuArguments({ ...shape, name: '' }, 'boot');
  return createHash('sha256')
    .update(JSON.stringify([FORMAT, machine, rest.guestDigest, rest.qemuBuild, rest.hostCpu]))
    .digest('hex')
    .slice(0, 32);
}

/** The host's CPU and kernel, which `-cpu host` exposes to the guest. */
export async function describeHostCpu(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const first = text.split('\n\n', 1)[0] ?? '';
  const lines = first.split('\n').filter((line) => /^(vendor_id|model|stepping|microcode|flags)/.test(line));
  return [release(), ...lines].join('\n');
}
