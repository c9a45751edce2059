import { stat } from 'node:fs/promises';
import type { Accelerator } from '../../accelerator.js';

export interface QemuUser {
  readonly uid: number;
  readonly gid: number;
}

/** The user that QEMU runs as: `uid` when the driver is root, undefined for the driver's own user. */
export async function qemuUser(uid: number, accelerator: Accelerator): Promise<QemuUser | undefined> {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  return { uid, gid: accelerator === 'kvm' ? (await stat('/dev/kvm')).gid : uid };
}
