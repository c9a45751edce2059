import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { invalidArgument } from '../../../../compute/errors.js';
import { readArchive } from './archive.js';
import { openContent } from './content.js';
import { BUILD, evict, keepDisk, keyOfName, type RootDisk, readCached, rememberName } from './disk-cache.js';
import { type ImageConfig, type ImageFiles, NO_CONFIG, readImageDirectory } from './layout.js';
import { findLocal, type LocalImage, treeBytes } from './local-image.js';
import { pullFailed } from './registry/failure.js';
import { parseReference } from './registry/reference.js';
import type { Registry, RemoteImage } from './registry/registry.js';
import { makeRootDisk, setOwnership } from './root-disk.js';
import { createSharedWork } from './shared-work.js';
import { unpackLayers } from './unpack.js';

const run = promisify(execFile);
const MIB = 1024 * 1024;
const MAX_ENTRIES = 1_000_000;

/** How far the making of a root disk is; the reasons that the other drivers use for the same. */
export interface ImageNews {
  readonly reason: 'Pulling' | 'PullingLayer' | 'PreparingDisk';
  readonly message: string;
}
type Tell = (news: ImageNews) => void;

export type PullPolicy = 'missing' | 'always' | 'never';

interface LibraryOptions {
  /** Directories, archives and disks that may be named as images; such a name is never looked up elsewhere. */
  readonly imageDir: string;
  readonly cacheDir: string;
  readonly cacheMib: number;
  /** Room in a root disk beside the image's own files. */
  readonly freeMib: number;
  readonly registry: Registry;
  readonly pullPolicy: PullPolicy;
}

/** Turns the name of an image into a root disk, made once for each content and kept while there is room. */
export interface ImageLibrary {
  rootDisk(name: string, tell: Tell, signal: AbortSignal): Promise<RootDisk>;
}

const NAME = /^[A-Za-z0-9[][A-Za-z0-9._:/@[\]-]{0,511}$/;

type Source = { readonly local: LocalImage } | { readonly remote: RemoteImage };

export function createLibrary(options: LibraryOptions): ImageLibrary {
  const { cacheDir, registry, pullPolicy } = options;
  const builds = createSharedWork<RootDisk, ImageNews>();
  const freeBytes = options.freeMib * MIB;
  const maxBytes = options.cacheMib * MIB;

  function keyOf(source: string): string {
    return createHash('sha256').update(`${source}\n${options.freeMib}`).digest('hex');
  }

  /** An image that is being unpacked has the names of all its files in memory. */
  let unpacking: Promise<void> = Promise.resolve();
  function oneAtATime(task: () => Promise<void>): Promise<void> {
    const mine = unpacking.then(task);
    unpacking = mine.catch(() => {});
    return mine;
  }

  async function build(key: string, source: Source, tell: Tell, signal: AbortSignal): Promise<RootDisk> {
    await mkdir(cacheDir, { recursive: true, mode: 0o700 });
    const work = await mkdtemp(join(cacheDir, `${BUILD}${process.pid}-`));
    try {
      const disk = join(work, 'disk');
      const config = await make(source, work, disk, tell, signal);
      await run('chmod', ['0444', disk], { signal });
      const kept = await keepDisk(cacheDir, key, work, disk, config);
      await evict(cacheDir, maxBytes, key);
      return kept;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async function make(
    source: Source,
    work: string,
    disk: string,
    tell: Tell,
    signal: AbortSignal,
  ): Promise<ImageConfig> {
    function preparing(message: string) {
      return tell({ reason: 'PreparingDisk', message });
    }

    if ('local' in source && source.local.kind === 'file' && (await isExt4(source.local.path))) {
      preparing('copying the disk');
      await run('cp', ['--sparse=always', '--reflink=auto', source.local.path, disk], { signal });
      return NO_CONFIG;
    }
    const files = await imageFiles(source, work, tell, signal);
    if (files === undefined) {
      preparing('making the root disk');
      const directory = (source as { local: LocalImage }).local.path;
      const contentBytes = await treeBytes(directory, signal);
      await makeRootDisk(directory, disk, { contentBytes, freeBytes, signal });
      return NO_CONFIG;
    }
    await oneAtATime(async () => {
      signal.throwIfAborted();
      preparing('unpacking the layers');
      const layers = files.layers.map(lazily);
      const unpacked = await unpackLayers(layers, work, { maxBytes, maxEntries: MAX_ENTRIES }, signal);
      const { directory, contentBytes, ownership } = unpacked;
      preparing('making the root disk');
      await makeRootDisk(directory, disk, { contentBytes, freeBytes, signal });
      await setOwnership(disk, ownership, signal);
    });
    return files.config;
  }

  /** Undefined for a directory that is a root file system as it stands. */
  async function imageFiles(
    source: Source,
    work: string,
    tell: Tell,
    signal: AbortSignal,
  ): Promise<ImageFiles | undefined> {
    if ('remote' in source) {
      return source.remote.pull(work, (message) => tell({ reason: 'PullingLayer', message }), signal);
    }
    const { path, kind } = source.local;
    return kind === 'directory' ? readImageDirectory(path) : readArchive(path, work, maxBytes, signal);
  }

  /** From the cache, or made; sandboxes that want the same one wait for one making of it. */
  async function diskOf(key: string, source: Source, tell: Tell, signal: AbortSignal): Promise<RootDisk> {
    return (
      (await readCached(cacheDir, key)) ??
      builds.join(key, tell, signal, (tellAll, until) => build(key, source, tellAll, until))
    );
  }

  async function pulledBefore(name: string): Promise<RootDisk | undefined> {
    const key = await keyOfName(cacheDir, keyOf(name));
    return key === undefined ? undefined : readCached(cacheDir, key);
  }

  return {
    async rootDisk(given, tell, signal) {
      if (!NAME.test(given) || given.split('/').includes('..')) {
        throw invalidArgument(`'${given}' is not the name of an image`, { field: 'spec.template.image' });
      }
      const local = await findLocal(options.imageDir, given);
      if (local !== undefined) {
        return diskOf(keyOf(local.fingerprint), { local }, tell, signal);
      }
      const name = parseReference(given).text;
      const present = pullPolicy === 'always' ? undefined : await pulledBefore(name);
      if (present !== undefined) {
        return present;
      }
      if (pullPolicy === 'never') {
        throw pullFailed(given, 'it is not on this machine and may not be pulled', {
          hint: `put it into ${options.imageDir}, or set image_pull_policy to missing`,
        });
      }
      tell({ reason: 'Pulling', message: `pulling the image ${given}` });
      const remote = await registry.resolve(given, signal);
      const key = keyOf(remote.digest);
      const disk = await diskOf(key, { remote }, tell, signal);
      await rememberName(cacheDir, keyOf(name), key);
      return disk;
    },
  };
}

/** Opens the file only when it is read. */
async function* lazily(path: string): AsyncGenerator<Buffer> {
  yield* await openContent(path);
}

async function isExt4(path: string): Promise<boolean> {
  for await (const chunk of await openContent(path)) {
    return chunk.length > 1082 && chunk.readUInt16LE(1080) === 0xef53;
  }
  return false;
}
