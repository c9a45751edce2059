import { readFile } from 'node:fs/promises';
import { failedPrecondition } from '../../../../compute/errors.js';
import { type CpioEntry, writeCpio } from './cpio.js';

/** In loading order. */
const MODULES = [
  { name: 'virtio_ring', optional: true },
  { name: 'virtio', optional: true },
  { name: 'virtio_pci_modern_dev', optional: true },
  { name: 'virtio_pci_legacy_dev', optional: true },
  { name: 'virtio_pci', optional: true },
  { name: 'virtio_console', optional: false },
  { name: 'virtio_blk', optional: false },
  { name: 'failover', optional: true },
  { name: 'net_failover', optional: true },
  { name: 'virtio_net', optional: true },
] as const;

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const FILE = 0o100644;

/** A guest's first root: the agent as /init, and the modules, numbered in loading order. */
export async function createInitramfs(agent: Buffer, modules: ReadonlyMap<string, string>): Promise<Buffer> {
  const entries: CpioEntry[] = [
    { path: 'dev', mode: DIRECTORY },
    { path: 'modules', mode: DIRECTORY },
    { path: 'init', mode: PROGRAM, data: agent },
  ];
  for (const [index, { name, optional }] of MODULES.entries()) {
    const file = modules.has(`${name}.ko`) ? `${name}.ko` : `${name}.ko.xz`;
    const path = modules.get(file);
    if (path === undefined && optional) {
      continue;
    }
    if (path === undefined) {
      throw failedPrecondition(`the kernel package has no module ${name}`, {
        hint: 'set `kernel` and `initramfs` to your own files',
      });
    }
    const number = String(index).padStart(2, '0');
    entries.push({ path: `modules/${number}-${file}`, mode: FILE, data: await readFile(path) });
  }
  return writeCpio(entries);
}
