import { execFile } from 'node:child_process';
import { copyFile, lchown, link, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failedPrecondition } from '../../../../compute/errors.js';
import { exists } from '../files.js';
import type { GuestFiles } from '../guest/prepare.js';
import { VM_FILES } from '../qemu/arguments.js';

const run = promisify(execFile);

export function vmDirectory(directory: string): string {
  return join(directory, 'vm');
}

/** Links or, where that fails, copies: QEMU then needs nothing outside its directory. */
async function place(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to));
}

/** Whether the sandbox already has a disk and no longer needs its image. */
export function hasDisk(directory: string): Promise<boolean> {
  return exists(join(vmDirectory(directory), VM_FILES.overlay));
}

/** Creates the sandbox's own disk on top of the image's, which stays as long as the sandbox. */
export async function createDisk(directory: string, base: string): Promise<void> {
  const vm = vmDirectory(directory);
  await mkdir(vm, { recursive: true, mode: 0o700 });
  await place(base, join(vm, VM_FILES.base));
  const draft = `${VM_FILES.overlay}.new`;
  const options = ['-q', '-f', 'qcow2', '-F', 'raw', '-b', VM_FILES.base];
  try {
    await run('qemu-img', ['create', ...options, draft], { cwd: vm });
    await rename(join(vm, draft), join(vm, VM_FILES.overlay));
  } catch (cause) {
    throw failedPrecondition(`the sandbox's disk cannot be created: ${(cause as Error).message}`, {
      cause,
      reason: 'RootDiskFailed',
      hint: 'install qemu-utils, and make sure that the state directory has free space',
    });
  }
}

/** An empty disk for a machine that becomes a snapshot, in the place of each restored machine's own. */
export async function createBlankDisk(directory: string, owner: number | undefined): Promise<void> {
  const vm = vmDirectory(directory);
  await mkdir(vm, { recursive: true, mode: 0o700 });
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', VM_FILES.overlay, '1M'], { cwd: vm });
  await chownDisk(directory, owner);
}

/** Makes QEMU's user the owner; undefined: QEMU runs as our own user. */
export async function chownDisk(directory: string, owner: number | undefined): Promise<void> {
  if (owner !== undefined) {
    await lchown(join(vmDirectory(directory), VM_FILES.overlay), owner, owner);
  }
}

/** Puts the kernel and initramfs where QEMU looks for them. */
export async function placeGuest(directory: string, guest: GuestFiles): Promise<void> {
  await place(guest.kernel, join(vmDirectory(directory), VM_FILES.kernel));
  await place(guest.initramfs, join(vmDirectory(directory), VM_FILES.initramfs));
}
