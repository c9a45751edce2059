import { execFile } from 'node:child_process';
import { copyFile, lchown, link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failedPrecondition } from '../../../../compute/errors.js';
import type { GuestFiles } from '../guest/prepare.js';
import { VM_FILES } from '../qemu/arguments.js';

const run = promisify(execFile);

export function vmDirectory(directory: string): string {
  return join(directory, 'vm');
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** A second name where one can be made, else a copy: QEMU then needs no way to anything outside of its directory. */
async function place(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to));
}

/** Whether the sandbox has a disk already, so that nothing of its image is needed any more. */
export function hasDisk(directory: string): Promise<boolean> {
  return exists(join(vmDirectory(directory), VM_FILES.overlay));
}

/** Makes the sandbox's own disk on top of the image's, which it keeps for as long as it lives. */
export async function makeDisk(directory: string, base: string): Promise<void> {
  const vm = vmDirectory(directory);
  await mkdir(vm, { recursive: true, mode: 0o700 });
  await place(base, join(vm, VM_FILES.base));
  const made = `${VM_FILES.overlay}.new`;
  try {
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', VM_FILES.base, made], {
      cwd: vm,
    });
    await rename(join(vm, made), join(vm, VM_FILES.overlay));
  } catch (cause) {
    throw failedPrecondition(`the sandbox's disk cannot be made: ${(cause as Error).message}`, {
      cause,
      reason: 'RootDiskFailed',
      hint: 'install qemu-utils, and see that the state directory has room',
    });
  }
}

/** The disk of a machine that a snapshot is taken of: nothing, in the place of what each copy brings. */
export async function makeBlankDisk(directory: string, owner: number | undefined): Promise<void> {
  const vm = vmDirectory(directory);
  await mkdir(vm, { recursive: true, mode: 0o700 });
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', VM_FILES.overlay, '1M'], { cwd: vm });
  await giveDisk(directory, owner);
}

/** To whom QEMU runs as; undefined: it is ours, as we run. */
export async function giveDisk(directory: string, owner: number | undefined): Promise<void> {
  if (owner !== undefined) {
    await lchown(join(vmDirectory(directory), VM_FILES.overlay), owner, owner);
  }
}

/** Puts kernel and initramfs where QEMU looks for them. */
export async function placeGuest(directory: string, guest: GuestFiles): Promise<void> {
  await place(guest.kernel, join(vmDirectory(directory), VM_FILES.kernel));
  await place(guest.initramfs, join(vmDirectory(directory), VM_FILES.initramfs));
}
