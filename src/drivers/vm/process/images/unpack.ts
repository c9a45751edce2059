import { createWriteStream } from 'node:fs';
import { chmod, link, lutimes, mkdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Code, OpenShellError } from '../../../../compute/errors.js';
import { readTar, type TarEntry } from './tar.js';
import { createTree, type Tree, type TreeNode } from './tree.js';

export interface UnpackLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

/** What must be set inside the finished disk, because the host's own files do not carry it. */
export interface Ownership {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Unpacked {
  readonly directory: string;
  readonly ownership: readonly Ownership[];
  readonly contentBytes: number;
}

const tooLarge = (text: string): OpenShellError =>
  new OpenShellError(Code.RESOURCE_EXHAUSTED, `the image is too large: ${text}`, {
    reason: 'ImageTooLarge',
    hint: 'raise image_cache_mib or use a smaller image',
  });

/** Room in an archive for what stands around a file: its headers and padding. */
const AROUND_FILE_BYTES = 2048;

/** Ends a stream that goes on for ever although no file of it is large, and one that is not wanted any more. */
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
 * Unpacks layers, in order, below `work`. The files belong to this process and have no special bits, device nodes are
 * left out: what the image says of them comes back as `ownership`.
 */
export const unpackLayers = async (
  layers: readonly AsyncIterable<Buffer>[],
  work: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<Unpacked> => {
  const tree = createTree();
  const blobs = join(work, 'blobs');
  await mkdir(blobs);
  let entries = 0;
  let contentBytes = 0;

  const take = async (entry: TarEntry, layer: number) => {
    if (++entries > limits.maxEntries) throw tooLarge(`more than ${limits.maxEntries} files`);
    contentBytes += entry.sizeBytes;
    if (contentBytes > limits.maxBytes) throw tooLarge(`more than ${limits.maxBytes} bytes`);
    if (tree.whiteout(entry.path, layer)) return;
    if (entry.type === 'hardlink') return tree.link(entry.path, entry.target);
    const node = await nodeOf(entry, layer, join(blobs, String(entries)), signal);
    if (node !== undefined) tree.add(entry.path, node);
  };

  let unpackedBytes = 0;
  const count = (bytes: number) => {
    unpackedBytes += bytes;
    if (unpackedBytes > limits.maxBytes + limits.maxEntries * AROUND_FILE_BYTES) {
      throw tooLarge('its layers do not end');
    }
  };

  for (const [layer, content] of layers.entries()) {
    for await (const entry of readTar(bounded(content, count, signal))) {
      signal.throwIfAborted();
      await take(entry, layer + 1);
    }
  }
  const directory = join(work, 'root');
  return { directory, ownership: await materialise(tree, directory), contentBytes };
};

const nodeOf = async (
  entry: TarEntry,
  layer: number,
  blob: string,
  signal: AbortSignal,
): Promise<TreeNode | undefined> => {
  const { mode, uid, gid, mtimeMs } = entry;
  const common = { mode, uid, gid, mtimeMs, layer };
  switch (entry.type) {
    case 'file':
      await pipeline(Readable.from(entry.content), createWriteStream(blob, { flags: 'wx', mode: 0o600 }), {
        signal,
      });
      return { ...common, kind: 'file', blob };
    case 'directory':
      return { ...common, kind: 'directory', children: new Map() };
    case 'symlink':
      return { ...common, kind: 'symlink', target: entry.target };
    default:
      return undefined;
  }
};

const isRoot = process.getuid?.() === 0;

const materialise = async (tree: Tree, directory: string): Promise<Ownership[]> => {
  const ownership: Ownership[] = [];
  const placed = new Map<TreeNode, string>();

  const note = (node: TreeNode, path: string, hostMode: number) => {
    const sameOwner = isRoot && node.uid === 0 && node.gid === 0;
    if (sameOwner && (node.kind === 'symlink' || hostMode === node.mode)) return;
    ownership.push({ path, mode: node.mode, uid: node.uid, gid: node.gid });
  };

  const place = async (node: TreeNode, path: string): Promise<void> => {
    const host = join(directory, path);
    const first = placed.get(node);
    if (first !== undefined) return link(first, host);
    placed.set(node, host);
    if (node.kind === 'symlink') {
      await symlink(node.target ?? '', host);
      note(node, path, node.mode);
    } else if (node.kind === 'file') {
      const mode = (node.mode & 0o777) | 0o600;
      await rename(node.blob as string, host);
      await chmod(host, mode);
      note(node, path, mode);
    } else {
      const mode = (node.mode & 0o1777) | 0o700;
      await mkdir(host, { mode: 0o700 });
      for (const [name, child] of node.children ?? []) await place(child, join(path, name));
      await chmod(host, mode);
      note(node, path, mode);
    }
    await lutimes(host, node.mtimeMs / 1000, node.mtimeMs / 1000);
  };

  await place(tree.root, '/');
  return ownership;
};
