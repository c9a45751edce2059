import { createWriteStream } from 'node:fs';
import { chmod, link, lutimes, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TarEntry } from '../../../../kit/tar/read.js';
import { imageEntries, invalidImage } from './layout.js';
import { createTree, type Tree, type TreeNode, tooLarge, treeNode } from './tree.js';

interface UnpackLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Memory for the names of the files; default 192 MiB. */
  readonly maxTreeBytes?: number;
}

const MAX_TREE_BYTES = 192 * 1024 * 1024;

/** Owner and mode to set in the finished disk, where the host's files do not have them. */
export interface Ownership {
  readonly path: string;
  /** Includes the file type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

interface Unpacked {
  readonly directory: string;
  readonly ownership: Iterable<Ownership>;
  readonly contentBytes: number;
}

/** Allowance for a file's headers and padding in an archive. */
const FILE_OVERHEAD_BYTES = 2048;

/** Ends a stream that is endless although none of its files is large, or that is no longer needed. */
async function* bounded(
  content: AsyncIterable<Buffer>,
  take: (bytes: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    signal.throwIfAborted();
    take(chunk.length);
    yield chunk;
  }
}

/**
 * Unpacks layers, in order, below `work`. The files belong to this process and have no special bits; device nodes are
 * skipped. The image's own owners and modes are returned as `ownership`.
 */
export async function unpackLayers(
  layers: readonly AsyncIterable<Buffer>[],
  work: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<Unpacked> {
  const { maxTreeBytes = MAX_TREE_BYTES } = limits;
  const tree = createTree({ maxEntries: limits.maxEntries, maxBytes: maxTreeBytes });
  const blobs = join(work, 'blobs');
  function blobOf(blob: number): string {
    return join(blobs, String(blob));
  }

  await mkdir(blobs);
  let entries = 0;
  let contentBytes = 0;

  async function take(entry: TarEntry, layer: number) {
    if (++entries > limits.maxEntries) {
      throw tooLarge(`more than ${limits.maxEntries} files`);
    }
    contentBytes += entry.sizeBytes;
    if (contentBytes > limits.maxBytes) {
      throw tooLarge(`more than ${limits.maxBytes} bytes`);
    }
    if (tree.whiteout(entry.path, layer)) {
      return;
    }
    if (entry.type === 'hardlink') {
      return tree.link(entry.path, entry.target);
    }
    const node = await nodeOf(entry, layer, entries, blobOf, signal);
    if (node !== undefined) {
      tree.add(entry.path, node);
    }
  }

  let unpackedBytes = 0;
  function count(bytes: number) {
    unpackedBytes += bytes;
    if (unpackedBytes > limits.maxBytes + limits.maxEntries * FILE_OVERHEAD_BYTES) {
      throw tooLarge('its layers are too long');
    }
  }

  for (const [layer, content] of layers.entries()) {
    for await (const entry of imageEntries(bounded(content, count, signal))) {
      signal.throwIfAborted();
      await take(entry, layer + 1);
    }
  }
  const directory = join(work, 'root');
  await materialise(tree, directory, blobOf);
  return { directory, ownership: { [Symbol.iterator]: () => ownershipOf(tree.root) }, contentBytes };
}

/** Files up to this size are written in one call, which is much faster than a stream: most files are small. */
const SMALL_FILE_BYTES = 64 * 1024;

async function store(entry: TarEntry, path: string, signal: AbortSignal): Promise<void> {
  const mode = 0o600;
  if (entry.sizeBytes > SMALL_FILE_BYTES) {
    const file = createWriteStream(path, { flags: 'wx', mode });
    return pipeline(Readable.from(entry.content), file, { signal });
  }
  const parts: Buffer[] = [];
  for await (const part of entry.content) {
    parts.push(part);
  }
  await writeFile(path, Buffer.concat(parts), { flag: 'wx', mode });
}

async function nodeOf(
  entry: TarEntry,
  layer: number,
  blob: number,
  blobOf: (blob: number) => string,
  signal: AbortSignal,
): Promise<TreeNode | undefined> {
  const { mode, uid, gid, mtimeMs } = entry;
  const from = { mode, uid, gid, mtimeMs, layer };
  switch (entry.type) {
    case 'file':
      await store(entry, blobOf(blob), signal);
      return treeNode('file', from, { blob });
    case 'directory':
      return treeNode('directory', from);
    case 'symlink':
      return treeNode('symlink', from, { target: entry.target });
    default:
      return undefined;
  }
}

const isRoot = process.getuid?.() === 0;

/** The mode of the file on the host: readable for its owner, without special bits. */
function hostMode({ kind, mode }: TreeNode): number {
  return kind === 'directory' ? (mode & 0o1777) | 0o700 : (mode & 0o777) | 0o600;
}

async function materialise(tree: Tree, directory: string, blobOf: (blob: number) => string): Promise<void> {
  async function place(node: TreeNode, host: string): Promise<void> {
    if (node.kind === 'symlink') {
      await symlink(node.target, host);
    } else if (node.kind === 'file') {
      // A file with several names also stays among the blobs, which are removed once the disk is built.
      await (node.linked ? link : rename)(blobOf(node.blob), host);
      await chmod(host, hostMode(node));
    } else {
      await mkdir(host, { mode: 0o700 });
      for (const [name, child] of node.children ?? []) {
        await place(child, join(host, name));
      }
      await chmod(host, hostMode(node));
    }
    await lutimes(host, node.mtimeMs / 1000, node.mtimeMs / 1000);
  }

  try {
    await place(tree.root, directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENAMETOOLONG') {
      throw cause;
    }
    throw invalidImage('one of its paths is too long for this host', cause);
  }
}

const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;

/** Where the image's owner or mode differs from the host's file, for each name of a file. */
function* ownershipOf(node: TreeNode, path = '/'): Generator<Ownership> {
  const { kind, uid, gid } = node;
  const sameOwner = isRoot && uid === 0 && gid === 0;
  if (!sameOwner || (kind !== 'symlink' && hostMode(node) !== node.mode)) {
    yield { path, mode: TYPE_BITS[kind] | node.mode, uid, gid };
  }
  for (const [name, child] of node.children ?? []) {
    yield* ownershipOf(child, join(path, name));
  }
}
