import { createHash } from 'node:crypto';
import {
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

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** In the order of their bytes, whatever the host's locale. */
export const byPath = (a: { readonly path: string }, b: { readonly path: string }): number =>
  a.path < b.path ? -1 : a.path > b.path ? 1 : 0;

const isExecutable = (mode: number): boolean => (mode & 0o100) !== 0;

/**
 * Files and folders below `folder` with paths relative to it, sorted; modes are 0755 or 0644.
 *
 * @param wanted takes a relative path; nothing below a folder that it refuses is read. Default: everything
 */
export const readFolder = (folder: string, wanted: (path: string) => boolean = () => true): TarEntry[] => {
  const entries: TarEntry[] = [];
  const visit = (parent: string): void => {
    for (const entry of readdirSync(join(folder, parent), { withFileTypes: true })) {
      const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
      if (!wanted(path)) continue;
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
  };
  visit('');
  return entries.sort(byPath);
};

/** Writes an archive's entries below `folder`. */
export const writeEntries = (folder: string, entries: readonly TarEntry[]): void => {
  mkdirSync(folder, { recursive: true });
  for (const entry of entries) {
    const target = join(folder, entry.path);
    mkdirSync(dirname(target), { recursive: true });
    if (entry.type === 'folder') mkdirSync(target, { recursive: true });
    else if (entry.type === 'link') symlinkSync(entry.target, target);
    else writeFileSync(target, entry.bytes, { mode: entry.mode ?? 0o644 });
  }
};
