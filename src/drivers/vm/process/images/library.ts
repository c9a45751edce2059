import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join, sep } from 'node:path';
import { promisify } from 'node:util';
import { Code, invalidArgument, OpenShellError } from '../../../../compute/errors.js';
import { readArchive } from './archive.js';
import { openContent } from './content.js';
import { type ImageConfig, type ImageFiles, NO_CONFIG, readImageDirectory } from './layout.js';
import { makeRootDisk, setOwnership } from './root-disk.js';
import { unpackLayers } from './unpack.js';

const run = promisify(execFile);
const MIB = 1024 * 1024;
const MAX_ENTRIES = 1_000_000;
/** Then the number of the process that builds. */
const BUILD = '.build-';

/** A root disk in the cache; it must be linked before the next call may evict it. */
export interface RootDisk {
  readonly path: string;
  readonly config: ImageConfig;
}

export interface Registry {
  /** Downloads the image's files into `work`. NOT_FOUND, UNAVAILABLE or PERMISSION_DENIED say why not. */
  pull(reference: string, work: string, progress: Progress, signal: AbortSignal): Promise<ImageFiles>;
  /** The digest that a reference stands for now. */
  resolve(reference: string, signal: AbortSignal): Promise<string>;
}

export type Progress = (detail: string) => void;

export interface LibraryOptions {
  /** Directories, archives and disks that may be named as images. */
  readonly imageDir: string;
  readonly cacheDir: string;
  readonly cacheMib: number;
  /** Room in a root disk beside the image's own files. */
  readonly freeMib: number;
  /** Undefined when images are never pulled. */
  readonly registry: Registry | undefined;
}

/** Turns the name of an image into a root disk, made once for each content and kept while there is room. */
export interface ImageLibrary {
  rootDisk(reference: string, progress: Progress, signal: AbortSignal): Promise<RootDisk>;
}

interface Local {
  readonly path: string;
  readonly kind: 'directory' | 'file';
  readonly fingerprint: string;
}

const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$/;

export const createLibrary = (options: LibraryOptions): ImageLibrary => {
  const building = new Map<string, Promise<RootDisk>>();

  const rootDisk = async (reference: string, progress: Progress, signal: AbortSignal): Promise<RootDisk> => {
    if (!REFERENCE.test(reference) || reference.split('/').includes('..')) {
      throw invalidArgument(`'${reference}' is not the name of an image`, { field: 'spec.template.image' });
    }
    const local = await findLocal(options.imageDir, reference);
    const source = local === undefined ? await remote(reference, signal) : local.fingerprint;
    const key = createHash('sha256').update(`${source}\n${options.freeMib}`).digest('hex');
    const cached = await readCached(options.cacheDir, key);
    if (cached !== undefined) return cached;
    // Sandboxes that want the same image wait for one build; it ends when the first of them gives up.
    let pending = building.get(key);
    if (pending === undefined) {
      pending = build(key, reference, local, progress, signal).finally(() => building.delete(key));
      building.set(key, pending);
    }
    return pending;
  };

  const remote = async (reference: string, signal: AbortSignal): Promise<string> => {
    if (options.registry !== undefined) return options.registry.resolve(reference, signal);
    throw new OpenShellError(Code.NOT_FOUND, `there is no image '${reference}'`, {
      reason: 'ImageNotFound',
      hint: `put a directory, an archive or an ext4 file of that name into ${options.imageDir}, or allow pulls`,
    });
  };

  const build = async (
    key: string,
    reference: string,
    local: Local | undefined,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<RootDisk> => {
    await mkdir(options.cacheDir, { recursive: true, mode: 0o700 });
    const work = await mkdtemp(join(options.cacheDir, `${BUILD}${process.pid}-`));
    try {
      const disk = join(work, 'disk');
      const config = await make(reference, local, work, disk, progress, signal);
      await writeFile(join(work, 'config'), JSON.stringify(config));
      await rename(join(work, 'config'), join(options.cacheDir, `${key}.json`));
      await run('chmod', ['0444', disk], { signal });
      await rename(disk, join(options.cacheDir, `${key}.ext4`));
      await evict(options.cacheDir, options.cacheMib * MIB, key);
      return { path: join(options.cacheDir, `${key}.ext4`), config };
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  };

  const make = async (
    reference: string,
    local: Local | undefined,
    work: string,
    disk: string,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<ImageConfig> => {
    const freeBytes = options.freeMib * MIB;
    const maxBytes = options.cacheMib * MIB;
    if (local?.kind === 'file' && (await isExt4(local.path))) {
      progress('copying the disk');
      await run('cp', ['--sparse=always', '--reflink=auto', local.path, disk], { signal });
      return NO_CONFIG;
    }
    const files = await imageFiles(reference, local, work, maxBytes, progress, signal);
    if (files === undefined) {
      progress('making the root disk');
      const directory = (local as Local).path;
      const contentBytes = await treeBytes(directory, signal);
      await makeRootDisk(directory, disk, { contentBytes, freeBytes, signal });
      return NO_CONFIG;
    }
    progress('unpacking the layers');
    const layers: AsyncIterable<Buffer>[] = [];
    for (const layer of files.layers) layers.push(lazily(layer));
    const unpacked = await unpackLayers(layers, work, { maxBytes, maxEntries: MAX_ENTRIES }, signal);
    progress('making the root disk');
    await makeRootDisk(unpacked.directory, disk, { contentBytes: unpacked.contentBytes, freeBytes, signal });
    const typeOf = async (path: string) => (await lstat(join(unpacked.directory, path))).mode;
    await setOwnership(disk, unpacked.ownership, typeOf, signal);
    return files.config;
  };

  const imageFiles = async (
    reference: string,
    local: Local | undefined,
    work: string,
    maxBytes: number,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<ImageFiles | undefined> => {
    if (local?.kind === 'directory') return readImageDirectory(local.path);
    if (local !== undefined) return readArchive(local.path, work, maxBytes, signal);
    return options.registry?.pull(reference, work, progress, signal);
  };

  return { rootDisk };
};

/** Removes what processes that are gone had begun to build. */
export const clearUnfinished = async (cacheDir: string): Promise<void> => {
  for (const name of await readdir(cacheDir).catch(() => [])) {
    const [pid] = name.startsWith(BUILD) ? name.slice(BUILD.length).split('-') : [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      await rm(join(cacheDir, name), { recursive: true, force: true });
    }
  }
};

/** Opens the file only when it is read. */
async function* lazily(path: string): AsyncGenerator<Buffer> {
  yield* await openContent(path);
}

const findLocal = async (imageDir: string, reference: string): Promise<Local | undefined> => {
  const root = await realpath(imageDir).catch(() => undefined);
  if (root === undefined) return undefined;
  for (const name of [reference, `${reference}.tar`, `${reference}.tar.gz`, `${reference}.ext4`]) {
    const path = await realpath(join(root, name)).catch(() => undefined);
    if (path === undefined || !path.startsWith(root + sep)) continue;
    const { size, mtimeMs, ino } = await stat(path);
    const isDirectory = (await stat(path)).isDirectory();
    const fingerprint = isDirectory ? await treeFingerprint(path) : `${path} ${size} ${mtimeMs} ${ino}`;
    return { path, kind: isDirectory ? 'directory' : 'file', fingerprint };
  }
  return undefined;
};

/** Changes when a file of the tree is added, removed, replaced or written. */
const treeFingerprint = async (directory: string): Promise<string> => {
  const hash = createHash('sha256').update(directory);
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const { size, mtimeMs, ino, mode } = await lstat(join(directory, name));
    hash.update(`${name} ${size} ${mtimeMs} ${ino} ${mode}\n`);
  }
  return hash.digest('hex');
};

const treeBytes = async (directory: string, signal: AbortSignal): Promise<number> => {
  let bytes = 0;
  for (const name of await readdir(directory, { recursive: true })) {
    signal.throwIfAborted();
    bytes += (await lstat(join(directory, name))).size + 4096;
  }
  return bytes;
};

const isExt4 = async (path: string): Promise<boolean> => {
  for await (const chunk of await openContent(path))
    return chunk.length > 1082 && chunk.readUInt16LE(1080) === 0xef53;
  return false;
};

const readCached = async (cacheDir: string, key: string): Promise<RootDisk | undefined> => {
  const path = join(cacheDir, `${key}.ext4`);
  try {
    const config = JSON.parse(await readFile(join(cacheDir, `${key}.json`), 'utf8')) as ImageConfig;
    const now = new Date();
    // The time of the last use decides what goes first.
    await utimes(path, now, now);
    return { path, config };
  } catch {
    return undefined;
  }
};

/** Removes the disks that were not used for longest until the rest fits. One that a sandbox links stays on its disk. */
const evict = async (cacheDir: string, maxBytes: number, keep: string): Promise<void> => {
  const disks: { key: string; bytes: number; usedMs: number }[] = [];
  for (const name of await readdir(cacheDir)) {
    if (!name.endsWith('.ext4')) continue;
    const { blocks, mtimeMs } = await stat(join(cacheDir, name));
    disks.push({ key: name.slice(0, -'.ext4'.length), bytes: blocks * 512, usedMs: mtimeMs });
  }
  disks.sort((a, b) => a.usedMs - b.usedMs);
  let total = disks.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { key, bytes } of disks) {
    if (total <= maxBytes) return;
    if (key === keep) continue;
    await rm(join(cacheDir, `${key}.ext4`), { force: true });
    await rm(join(cacheDir, `${key}.json`), { force: true });
    total -= bytes;
  }
};
