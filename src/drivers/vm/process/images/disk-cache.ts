import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskDigest } from './disk-digest.js';
import type { ImageConfig } from './layout.js';

/** A root disk in the cache; it must be linked before the next call may evict it. */
export interface RootDisk {
  readonly path: string;
  readonly config: ImageConfig;
}

/** Begins the name of what is being made; then the number of the process that makes it. */
export const BUILD = '.build-';

/** Removes what processes that are gone had begun to build. */
export async function clearUnfinished(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir).catch(() => [])) {
    const [pid] = name.startsWith(BUILD) ? name.slice(BUILD.length).split('-') : [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      await rm(join(cacheDir, name), { recursive: true, force: true });
    }
  }
}

function diskPath(cacheDir: string, key: string): string {
  return join(cacheDir, `${key}.ext4`);
}

function configPath(cacheDir: string, key: string): string {
  return join(cacheDir, `${key}.json`);
}

function namePath(cacheDir: string, name: string): string {
  return join(cacheDir, `${createHash('sha256').update(name).digest('hex')}.name`);
}

/** What stands beside a disk. Those of older versions have no digest. */
type KeptConfig = ImageConfig & { readonly sha256?: string };

/**
 * The disk of this key, which then counts as used just now. The first use by this process compares its bytes with the
 * digest beside it; a disk that is damaged is removed, and so made anew.
 */
export async function readCached(cacheDir: string, key: string): Promise<RootDisk | undefined> {
  const path = diskPath(cacheDir, key);
  try {
    const kept = JSON.parse(await readFile(configPath(cacheDir, key), 'utf8')) as KeptConfig;
    if (!(await isSound(path, kept.sha256))) {
      await removeDisk(cacheDir, key);
      return undefined;
    }
    const now = new Date();
    // The time of the last use decides what goes first.
    await utimes(path, now, now);
    return { path, config: { environment: kept.environment, user: kept.user } };
  } catch {
    return undefined;
  }
}

/** By path and inode; one entry for each disk in the cache that was used. */
const sound = new Map<string, Promise<boolean>>();

async function isSound(path: string, sha256: string | undefined): Promise<boolean> {
  const { ino } = await stat(path);
  if (sha256 === undefined) {
    return true;
  }
  const identity = `${path} ${ino}`;
  const asked = sound.get(identity) ?? diskDigest(path).then((digest) => digest === sha256);
  sound.set(identity, asked);
  asked.catch(() => sound.delete(identity));
  return asked;
}

/** Moves a finished disk from `work` into the cache, once its bytes have reached the host's disk. */
export async function keepDisk(
  cacheDir: string,
  key: string,
  work: string,
  disk: string,
  config: ImageConfig,
): Promise<RootDisk> {
  const kept: KeptConfig = { ...config, sha256: await diskDigest(disk) };
  const path = diskPath(cacheDir, key);
  await writeFile(join(work, 'config'), JSON.stringify(kept));
  await flush(join(work, 'config'));
  await flush(disk);
  await rename(join(work, 'config'), configPath(cacheDir, key));
  await rename(disk, path);
  await flush(cacheDir);
  sound.set(`${path} ${(await stat(path)).ino}`, Promise.resolve(true));
  return { path, config };
}

async function flush(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function removeDisk(cacheDir: string, key: string): Promise<void> {
  await rm(diskPath(cacheDir, key), { force: true });
  await rm(configPath(cacheDir, key), { force: true });
}

/** Notes which disk a pulled name stands for until it is asked for again. */
export async function rememberName(cacheDir: string, name: string, key: string): Promise<void> {
  const draft = join(cacheDir, `${BUILD}${process.pid}-${randomUUID()}`);
  await writeFile(draft, key);
  await rename(draft, namePath(cacheDir, name));
}

/** The key that `rememberName` noted. */
export function keyOfName(cacheDir: string, name: string): Promise<string | undefined> {
  return readFile(namePath(cacheDir, name), 'utf8').catch(() => undefined);
}

/** Removes the disks that were not used for longest until the rest fits. One that a sandbox links stays on its disk. */
export async function evict(cacheDir: string, maxBytes: number, keep: string): Promise<void> {
  const disks: { key: string; bytes: number; usedMs: number }[] = [];
  for (const name of await readdir(cacheDir)) {
    if (!name.endsWith('.ext4')) {
      continue;
    }
    const { blocks, mtimeMs } = await stat(join(cacheDir, name));
    disks.push({ key: name.slice(0, -'.ext4'.length), bytes: blocks * 512, usedMs: mtimeMs });
  }
  disks.sort((a, b) => a.usedMs - b.usedMs);
  let total = disks.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { key, bytes } of disks) {
    if (total <= maxBytes) {
      break;
    }
    if (key === keep) {
      continue;
    }
    await removeDisk(cacheDir, key);
    total -= bytes;
  }
  await forgetNames(cacheDir);
}

/** Names whose disk is gone. */
async function forgetNames(cacheDir: string): Promise<void> {
  for (const file of await readdir(cacheDir)) {
    if (!file.endsWith('.name')) {
      continue;
    }
    const key = await readFile(join(cacheDir, file), 'utf8').catch(() => '');
    if (!existsSync(configPath(cacheDir, key))) {
      await rm(join(cacheDir, file), { force: true });
    }
  }
}
