import { createHash } from 'node:crypto';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** An image in `imageDir`. */
export interface LocalImage {
  readonly path: string;
  readonly kind: 'directory' | 'file';
  /** Changes with its files. */
  readonly fingerprint: string;
}

/** Looks only in `imageDir`; undefined when it has no image of this name. */
export async function findLocal(imageDir: string, name: string): Promise<LocalImage | undefined> {
  const root = await realpath(imageDir).catch(() => undefined);
  if (root === undefined) {
    return undefined;
  }
  for (const file of [name, `${name}.tar`, `${name}.tar.gz`, `${name}.ext4`]) {
    const path = await realpath(join(root, file)).catch(() => undefined);
    if (path === undefined || !path.startsWith(root + sep)) {
      continue;
    }
    const stats = await stat(path);
    const fingerprint = stats.isDirectory()
      ? await treeFingerprint(path)
      : `${path} ${stats.size} ${stats.mtimeMs} ${stats.ino}`;
    return { path, kind: stats.isDirectory() ? 'directory' : 'file', fingerprint };
  }
  return undefined;
}

/** Changes when a file of the tree is added, removed, replaced or written. */
async function treeFingerprint(directory: string): Promise<string> {
  const hash = createHash('sha256').update(directory);
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const { size, mtimeMs, ino, mode } = await lstat(join(directory, name));
    hash.update(`${name} ${size} ${mtimeMs} ${ino} ${mode}\n`);
  }
  return hash.digest('hex');
}

export async function treeBytes(directory: string, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory, { recursive: true })) {
    signal.throwIfAborted();
    bytes += (await lstat(join(directory, name))).size + 4096;
  }
  return bytes;
}
