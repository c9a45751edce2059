import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { type MachineShape, qemuArguments } from '../qemu/arguments.js';

/** What the state in a snapshot depends on: it fits no machine that differs in any of it. */
export interface SnapshotKind {
  /** The machine; its name does not count. */
  readonly shape: MachineShape;
  /** Of kernel and initramfs. */
  readonly guestDigest: string;
  /** What `qemu --version` says, with the package's revision. */
  readonly qemuBuild: string;
  /** The host's CPU, where the guest sees it; empty under emulation. */
  readonly hostCpu: string;
}

/** Changes when what a snapshot holds, or how it is taken, changes. */
const FORMAT = 1;

/** The name of the snapshot for this kind of machine, the same in every driver process. */
export function snapshotKey({ shape, ...rest }: SnapshotKind): string {
  const machine = qemuArguments({ ...shape, name: '' }, 'boot');
  return createHash('sha256')
    .update(JSON.stringify([FORMAT, machine, rest.guestDigest, rest.qemuBuild, rest.hostCpu]))
    .digest('hex')
    .slice(0, 32);
}

/** The host's CPU and kernel, which a guest on hardware gets to see through `-cpu host`. */
export async function describeHostCpu(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const first = text.split('\n\n', 1)[0] ?? '';
  const lines = first.split('\n').filter((line) => /^(vendor_id|model|stepping|microcode|flags)/.test(line));
  return [release(), ...lines].join('\n');
}
