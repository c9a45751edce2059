import { failedPrecondition } from '../../../../dist/compute/errors.js';
import { readTarBuffer } from '../../../../dist/kit/tar/read.js';
import { type TarFile, writeTarBuffer } from '../../../../dist/kit/tar/write.js';

/** One entry of an archive. */
export type TarEntry = {
  /** Without a leading slash; a folder without a trailing one. */
  readonly path: string;
  /** Permission bits. Default: 0644, 0755 for a folder. */
  readonly mode?: number;
  /** Default: 0. */
  readonly owner?: number;
} & (
  | { readonly type: 'file'; readonly bytes: Buffer }
  | { readonly type: 'folder' }
  | { readonly type: 'link'; readonly target: string }
);

/** A ustar archive in the order given, with pax headers for long names: the same entries give the same bytes. */
export function writeTar(entries: readonly TarEntry[], epochSeconds: number): Buffer {
  return writeTarBuffer(entries.map((entry) => tarFile(entry, epochSeconds)));
}

function tarFile(entry: TarEntry, mtimeSeconds: number): TarFile {
  const { path, owner = 0 } = entry;
  const named = { path, uid: owner, gid: owner, mtimeSeconds };
  switch (entry.type) {
    case 'file':
      return { ...named, type: 'file', mode: entry.mode ?? 0o644, bytes: entry.bytes };
    case 'link':
      return { ...named, type: 'symlink', mode: entry.mode ?? 0o777, target: entry.target };
    case 'folder':
      return { ...named, type: 'directory', mode: entry.mode ?? 0o755 };
  }
}

/** The entries of an archive that `writeTar` created. */
export function readTar(archive: Buffer): TarEntry[] {
  return readTarBuffer(archive, {
    broken: (why) => failedPrecondition(`the archive is damaged: ${why}`),
  }).map(({ path, type, mode, target, bytes }) => {
    const named = { path: path.replace(/\/$/, ''), mode };
    if (type === 'directory') {
      return { ...named, type: 'folder' };
    }
    return type === 'symlink' ? { ...named, type: 'link', target } : { ...named, type: 'file', bytes };
  });
}
