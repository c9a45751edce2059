import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { TarEntry } from './formats/tar.js';

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** In byte order, independent of the host's locale. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** The folders above a path, the outermost first. */
export function foldersAbove(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, at) => names.slice(0, at + 1).join('/'));
}

function isExecutable(mode: number): boolean {
  return (mode & 0o100) !== 0;
}

/**
 * Files and folders below `folder` with paths relative to it, sorted; modes are 0755 or 0644.
 *
 * @param wanted receives a relative path; nothing below a rejected folder is read. Default: everything
 */
export function readFolder(folder: string, wanted: (path: string) => boolean = () => true): TarEntry[] {
  const entries: TarEntry[] = [];
  function visit(parent: string): void {
    for (const entry of readdirSync(join(folder, parent), { withFileTypes: true })) {
      const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
      if (!wanted(path)) {
        continue;
      }
      const file = join(folder, path);
      if (entry.isDirectory()) {
        entries.push({ type: 'folder', path });
        visit(path);
      } else if (entry.isFile()) {
        const mode = isExecutable(lstatSync(file).mode) ? 0o755 : 0o644;
        entries.push({ type: 'file', path, mode, bytes: readFileSync(file) });
      } else if (entry.isSymbolicLink()) {
        entries.push({ type: 'link', path, target: readlinkSync(file) });
      }
    }
  }

  visit('');
  return entries.sort(byPath);
}

/** Writes a file with exactly these permissions, whatever the umask. */
export function writeExactly(path: string, bytes: Uint8Array, mode = 0o644): void {
  writeFileSync(path, bytes);
  chmodSync(path, mode);
}

/** Creates a folder and those above it; new ones get the permissions of folders in archives. */
function makeFolder(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) {
    return;
  }
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    chmodSync(made, 0o755);
  }
}

/** Writes an archive's entries below `folder`. */
export function writeEntries(folder: string, entries: readonly TarEntry[]): void {
  makeFolder(folder);
  for (const entry of entries) {
    const target = join(folder, entry.path);
    makeFolder(dirname(target));
    if (entry.type === 'folder') {
      makeFolder(target);
    } else if (entry.type === 'link') {
      symlinkSync(entry.target, target);
    } else {
      writeExactly(target, entry.bytes, entry.mode);
    }
  }
}
