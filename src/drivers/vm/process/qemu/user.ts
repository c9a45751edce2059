import { stat } from 'node:fs/promises';
import type { Accelerator } from '../../accelerator.js';

export interface QemuUser {
  readonly uid: number;
  readonly gid: number;
}

/** Whom QEMU runs as: a user of its own with the number `uid` when we are root, undefined for our own user. */
export async function qemuUser(uid: number, accelerator: Accelerator): Promise<QemuUser | undefined> {
  if (process.getuid?.() !== 0) {
    return undefined;
  }
  return { uid, gid: accelerator === 'kvm' ? (await stat('/dev/kvm')).gid : uid };
}
