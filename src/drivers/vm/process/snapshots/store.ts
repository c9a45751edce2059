import { createHash, randomUUID } from 'node:crypto';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition, OpenShellError } from '../../../../compute/errors.js';
import { type CacheEntry, exists, toEvict } from '../files.js';
import type { SavedState } from './state.js';

/** Snapshots on disk, each a folder with `<key>/state` and `<key>/manifest.json` that appears atomically. */
export interface SnapshotStore {
  /** The state, opened at its start for the caller to close; or why there is none that can be used. */
  open(key: string, signal: AbortSignal): Promise<FileHandle | string>;
  /** Moves `folder`, which holds a state, into the cache. FAILED_PRECONDITION when it is larger than the whole cache. */
  keep(key: string, folder: string, saved: SavedState): Promise<void>;
  drop(key: string): Promise<void>;
}

export const STATE_FILE = 'state';
const MANIFEST_FILE = 'manifest.json';
/** Prefix of folders that are being removed. */
const GONE = '.gone-';
const MIB = 1024 * 1024;
const READ_BYTES = MIB;

async function identityOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs } = await file.stat({ bigint: true });
  return [dev, ino, size, mtimeNs].join(' ');
}

/** Reads at explicit positions: the descriptor's own, which QEMU reads from, stays at the start. */
async function sha256Of(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) {
      return hash.digest('hex');
    }
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function readManifest(folder: string): Promise<SavedState | undefined> {
  try {
    const { bytes, sha256 } = JSON.parse(await readFile(join(folder, MANIFEST_FILE), 'utf8')) as SavedState;
    return { bytes, sha256 };
  } catch {
    return undefined;
  }
}

export function createSnapshotStore(directory: string, cacheMib: number): SnapshotStore {
  /** The digest of each state that this process has read; concurrent callers share one computation. */
  const digests = new Map<string, { readonly identity: string; readonly sha256: Promise<string> }>();

  async function digestOf(key: string, file: FileHandle): Promise<string> {
    const identity = await identityOf(file);
    let known = digests.get(key);
    if (known?.identity !== identity) {
      known = { identity, sha256: sha256Of(file) };
      digests.set(key, known);
    }
    return known.sha256;
  }

  async function drop(key: string): Promise<void> {
    digests.delete(key);
    const gone = join(directory, `${GONE}${randomUUID()}`);
    await rename(join(directory, key), gone).catch(() => {});
    await rm(gone, { recursive: true, force: true });
  }

  async function obstacleIn(
    key: string,
    file: FileHandle,
    manifest: SavedState | undefined,
  ): Promise<string | undefined> {
    if (manifest === undefined) {
      return 'it has no manifest';
    }
    const { size } = await file.stat();
    if (size !== manifest.bytes) {
      return `it has ${size} bytes instead of ${manifest.bytes}`;
    }
    const isSound = (await digestOf(key, file)) === manifest.sha256;
    return isSound ? undefined : 'its digest is wrong';
  }

  async function evict(keep: string): Promise<void> {
    const entries: CacheEntry[] = [];
    for (const key of await readdir(directory)) {
      const manifest = key.startsWith('.') ? undefined : await readManifest(join(directory, key));
      if (manifest === undefined) {
        continue;
      }
      const used = await stat(join(directory, key, MANIFEST_FILE)).catch(() => undefined);
      entries.push({ key, bytes: manifest.bytes, usedMs: used?.mtimeMs ?? 0 });
    }
    for (const key of toEvict(entries, cacheMib * MIB, keep)) {
      await drop(key);
    }
  }

  return {
    drop,
    async open(key, signal) {
      const folder = join(directory, key);
      const file = await open(join(folder, STATE_FILE), 'r').catch(() => undefined);
      if (file === undefined) {
        return 'none exists yet';
      }
      try {
        const obstacle = await obstacleIn(key, file, await readManifest(folder));
        if (obstacle !== undefined) {
          await file.close();
          await drop(key);
          return `it was damaged and has been removed: ${obstacle}`;
        }
        signal.throwIfAborted();
        const now = new Date();
        // The least recently used is evicted first.
        await utimes(join(folder, MANIFEST_FILE), now, now).catch(() => {});
        return file;
      } catch (error) {
        await file.close();
        digests.delete(key);
        signal.throwIfAborted();
        return `it cannot be read: ${OpenShellError.from(error).text}`;
      }
    },
    async keep(key, folder, saved) {
      if (saved.bytes > cacheMib * MIB) {
        const needed = Math.ceil(saved.bytes / MIB);
        throw failedPrecondition(`a snapshot of ${needed} MiB does not fit into ${cacheMib} MiB`, {
          hint: 'raise template_cache_mib, or set templates = false',
        });
      }
      await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(saved), { mode: 0o600 });
      await mkdir(directory, { recursive: true, mode: 0o700 });
      // A folder without a state is useless; one with a state was created by another process in the meantime.
      if (!(await exists(join(directory, key, STATE_FILE)))) {
        await drop(key);
      }
      await rename(folder, join(directory, key)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') {
          throw error;
        }
      });
      await evict(key);
    },
  };
}

/** Finishes removals that an earlier process did not finish. */
export async function clearGone(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith(GONE)) {
      await rm(join(directory, name), { recursive: true, force: true });
    }
  }
}
