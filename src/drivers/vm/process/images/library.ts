import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { invalidArgument } from '../../../../compute/errors.js';
import { createSerialQueue } from '../promises.js';
import { readArchive } from './archive.js';
import { openContent } from './content.js';
import { BUILD, evict, keepDisk, keyOfName, type RootDisk, readCached, rememberName } from './disk-cache.js';
import { type ImageConfig, type ImageFiles, NO_CONFIG, readImageDirectory } from './layout.js';
import { findLocal, type LocalImage, treeBytes } from './local-image.js';
import { pullFailed } from './registry/failure.js';
import { parseReference } from './registry/reference.js';
import type { Registry, RemoteImage } from './registry/registry.js';
import { createRootDisk, setOwnership } from './root-disk.js';
import { createSharedWork } from './shared-work.js';
import { unpackLayers } from './unpack.js';

const run = promisify(execFile);
const MIB = 1024 * 1024;
const MAX_ENTRIES = 1_000_000;

/** Progress of building a root disk, with the reasons that other drivers use. */
export interface ImageProgress {
  readonly reason: 'Pulling' | 'PullingLayer' | 'PreparingDisk';
  readonly message: string;
}
type Report = (progress: ImageProgress) => void;

export type PullPolicy = 'missing' | 'always' | 'never';

interface LibraryOptions {
  /** Directories, archives and disks that can be used as images; their names are never looked up elsewhere. */
  readonly imageDir: string;
  readonly cacheDir: string;
  readonly cacheMib: number;
  /** Free space in a root disk besides the image's files. */
  readonly freeMib: number;
  readonly registry: Registry;
  readonly pullPolicy: PullPolicy;
}

/** Turns the name of an image into a root disk, built once for each content and cached. */
export interface ImageLibrary {
  rootDisk(name: string, report: Report, signal: AbortSignal): Promise<RootDisk>;
}

const NAME = /^[A-Za-z0-9[][A-Za-z0-9._:/@[\]-]{0,511}$/;

type Source = { readonly local: LocalImage } | { readonly remote: RemoteImage };

export function createLibrary(options: LibraryOptions): ImageLibrary {
  const { cacheDir, registry, pullPolicy } = options;
  const builds = createSharedWork<RootDisk, ImageProgress>();
  const freeBytes = options.freeMib * MIB;
  const maxBytes = options.cacheMib * MIB;

  function keyOf(source: string): string {
    return createHash('sha256').update(`${source}\n${options.freeMib}`).digest('hex');
  }

  /** One at a time: unpacking an image takes memory for the names of all its files. */
  const unpackInTurn = createSerialQueue();

  async function build(key: string, source: Source, report: Report, signal: AbortSignal): Promise<RootDisk> {
    await mkdir(cacheDir, { recursive: true, mode: 0o700 });
    const work = await mkdtemp(join(cacheDir, `${BUILD}${process.pid}-`));
    try {
      const disk = join(work, 'disk');
      const config = await buildDisk(source, work, disk, report, signal);
      await run('chmod', ['0444', disk], { signal });
      const kept = await keepDisk(cacheDir, key, work, disk, config);
      await evict(cacheDir, maxBytes, key);
      return kept;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async function buildDisk(
    source: Source,
    work: string,
    disk: string,
    report: Report,
    signal: AbortSignal,
  ): Promise<ImageConfig> {
    function preparing(message: string) {
      return report({ reason: 'PreparingDisk', message });
    }

    if ('local' in source && source.local.kind === 'file' && (await isExt4(source.local.path))) {
      preparing('copying the disk');
      await run('cp', ['--sparse=always', '--reflink=auto', source.local.path, disk], { signal });
      return NO_CONFIG;
    }
    const files = await imageFiles(source, work, report, signal);
    if (files === undefined) {
      preparing('creating the root disk');
      const directory = (source as { local: LocalImage }).local.path;
      const contentBytes = await treeBytes(directory, signal);
      await createRootDisk(directory, disk, { contentBytes, freeBytes, signal });
      return NO_CONFIG;
    }
    await unpackInTurn(async () => {
      signal.throwIfAborted();
      preparing('unpacking the layers');
      const layers = files.layers.map(lazily);
      const unpacked = await unpackLayers(layers, work, { maxBytes, maxEntries: MAX_ENTRIES }, signal);
      const { directory, contentBytes, ownership } = unpacked;
      preparing('creating the root disk');
      await createRootDisk(directory, disk, { contentBytes, freeBytes, signal });
      await setOwnership(disk, ownership, signal);
    });
    return files.config;
  }

  /** Undefined for a directory that is a root file system. */
  async function imageFiles(
    source: Source,
    work: string,
    report: Report,
    signal: AbortSignal,
  ): Promise<ImageFiles | undefined> {
    if ('remote' in source) {
      return source.remote.pull(work, (message) => report({ reason: 'PullingLayer', message }), signal);
    }
    const { path, kind } = source.local;
    return kind === 'directory' ? readImageDirectory(path) : readArchive(path, work, maxBytes, signal);
  }

  /** From the cache, or built; sandboxes that need the same disk share one build. */
  async function diskOf(key: string, source: Source, report: Report, signal: AbortSignal): Promise<RootDisk> {
    return (
      (await readCached(cacheDir, key)) ??
      builds.join(key, report, signal, (reportAll, until) => build(key, source, reportAll, until))
    );
  }

  async function pulledBefore(name: string): Promise<RootDisk | undefined> {
    const key = await keyOfName(cacheDir, keyOf(name));
    return key === undefined ? undefined : readCached(cacheDir, key);
  }

  return {
    async rootDisk(image, report, signal) {
      if (!NAME.test(image) || image.split('/').includes('..')) {
        throw invalidArgument(`'${image}' is not a valid image name`, { field: 'spec.template.image' });
      }
      const local = await findLocal(options.imageDir, image);
      if (local !== undefined) {
        return diskOf(keyOf(local.fingerprint), { local }, report, signal);
      }
      const name = parseReference(image).text;
      const present = pullPolicy === 'always' ? undefined : await pulledBefore(name);
      if (present !== undefined) {
        return present;
      }
      if (pullPolicy === 'never') {
        throw pullFailed(image, 'it is not on this host, and image_pull_policy is never', {
          hint: `put it into ${options.imageDir}, or set image_pull_policy to missing`,
        });
      }
      report({ reason: 'Pulling', message: `pulling the image ${image}` });
      const remote = await registry.resolve(image, signal);
      const key = keyOf(remote.digest);
      const disk = await diskOf(key, { remote }, report, signal);
      await rememberName(cacheDir, keyOf(name), key);
      return disk;
    },
  };
}

/** Opens the file on the first read. */
async function* lazily(path: string): AsyncGenerator<Buffer> {
  yield* await openContent(path);
}

async function isExt4(path: string): Promise<boolean> {
  for await (const chunk of await openContent(path)) {
    return chunk.length > 1082 && chunk.readUInt16LE(1080) === 0xef53;
  }
  return false;
}
