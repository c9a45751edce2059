import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CacheEntry, toEvict } from '../files.js';
import { diskDigest } from './disk-digest.js';
import type { ImageConfig } from './layout.js';

/** A root disk in the cache; link it before the next call, which may evict it. */
export interface RootDisk {
  readonly path: string;
  readonly config: ImageConfig;
}

/** Prefix of unfinished builds, followed by the id of the process that builds. */
export const BUILD = '.build-';

/** Removes unfinished builds of processes that have ended. */
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

/** The file beside a disk. Older versions wrote no digest. */
type KeptConfig = ImageConfig & { readonly sha256?: string };

/**
 * The disk with this key, marked as just used. On its first use in this process its bytes are compared with the stored
 * digest; a damaged disk is removed, so that it is built again.
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
    // The least recently used is evicted first.
    await utimes(path, now, now);
    return { path, config: { environment: kept.environment, user: kept.user } };
  } catch {
    return undefined;
  }
}

/** By path and inode; one entry for each cached disk that has been used. */
const sound = new Map<string, Promise<boolean>>();

async function isSound(path: string, sha256: string | undefined): Promise<boolean> {
  const { ino } = await stat(path);
  if (sha256 === undefined) {
    return true;
  }
  const identity = `${path} ${ino}`;
  const check = sound.get(identity) ?? diskDigest(path).then((digest) => digest === sha256);
  sound.set(identity, check);
  check.catch(() => sound.delete(identity));
  return check;
}

/** Moves a finished disk from `work` into the cache once its bytes are on the host's disk. */
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

/** Stores which disk a pulled name stands for. */
export async function rememberName(cacheDir: string, name: string, key: string): Promise<void> {
  const draft = join(cacheDir, `${BUILD}${process.pid}-${randomUUID()}`);
  await writeFile(draft, key);
  await rename(draft, namePath(cacheDir, name));
}

/** The key that `rememberName` stored. */
export function keyOfName(cacheDir: string, name: string): Promise<string | undefined> {
  return readFile(namePath(cacheDir, name), 'utf8').catch(() => undefined);
}

/** Removes the least recently used disks until the rest fits. The bytes of one that a sandbox links stay. */
export async function evict(cacheDir: string, maxBytes: number, keep: string): Promise<void> {
  const disks: CacheEntry[] = [];
  for (const name of await readdir(cacheDir)) {
    if (!name.endsWith('.ext4')) {
      continue;
    }
    const { blocks, mtimeMs } = await stat(join(cacheDir, name));
    disks.push({ key: name.slice(0, -'.ext4'.length), bytes: blocks * 512, usedMs: mtimeMs });
  }
  for (const key of toEvict(disks, maxBytes, keep)) {
    await removeDisk(cacheDir, key);
  }
  await forgetNames(cacheDir);
}

/** Removes names whose disk is gone. */
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
