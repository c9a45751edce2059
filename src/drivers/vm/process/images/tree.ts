import { Code, OpenShellError } from '../../../../compute/errors.js';
import { invalidImage } from './layout.js';

/** A file of the image without its name; hard links share one. Small, as an image may have a million. */
export interface TreeNode {
  readonly kind: 'file' | 'directory' | 'symlink';
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  /** The layer that set it; whiteouts only affect lower layers. */
  layer: number;
  /** The number of the blob with a file's bytes; 0: none. */
  readonly blob: number;
  /** Of a symbolic link. */
  readonly target: string;
  /** Undefined for a directory without any. */
  children: Map<string, TreeNode> | undefined;
  /** The layer whose whiteouts were last applied here. */
  cleared: number;
  /** Whether the file has more than one name. */
  linked: boolean;
}

export function treeNode(
  kind: TreeNode['kind'],
  from: Pick<TreeNode, 'mode' | 'uid' | 'gid' | 'mtimeMs' | 'layer'>,
  content: { readonly blob?: number; readonly target?: string } = {},
): TreeNode {
  return {
    kind,
    mode: from.mode,
    uid: from.uid,
    gid: from.gid,
    mtimeMs: from.mtimeMs,
    layer: from.layer,
    blob: content.blob ?? 0,
    target: content.target ?? '',
    children: undefined,
    cleared: 0,
    linked: false,
  };
}

interface TreeLimits {
  readonly maxEntries: number;
  /** Memory for names, targets and their overhead. */
  readonly maxBytes: number;
}

/** Heap use, measured: a file or link, and a directory with one child. Each character may take two bytes. */
const NODE_BYTES = 208;
const DIRECTORY_BYTES = 400;
const MAX_DEPTH = 128;
const MAX_LINKS = 40;
/** Bounds lookups per entry, on average: links may lead through links without end. */
const STEPS_PER_ENTRY = 128;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

export function tooLarge(text: string): OpenShellError {
  return new OpenShellError(Code.RESOURCE_EXHAUSTED, `the image is too large: ${text}`, {
    reason: 'ImageTooLarge',
    hint: 'use a smaller image, or raise image_cache_mib if the limit is in bytes',
  });
}

function directory(layer: number): TreeNode {
  return treeNode('directory', { mode: 0o755, uid: 0, gid: 0, mtimeMs: 0, layer });
}

/** A substring would keep the whole string in memory. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}

/** Path components; `..` never leads out of the root. */
function split(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') {
      continue;
    }
    if (part === '..') {
      parts.pop();
    } else if (Buffer.byteLength(part) > 255) {
      throw invalidImage('a file name is longer than 255 bytes');
    } else if (part.includes('\0')) {
      throw invalidImage('a file name holds a NUL');
    } else {
      parts.push(part);
    }
  }
  if (parts.length > MAX_DEPTH) {
    throw invalidImage(`a path is deeper than ${MAX_DEPTH}`);
  }
  return parts;
}

/**
 * The files of an image, merged in memory from its layers, so that nothing in a layer (a link, a `..`) is ever followed
 * on the host's file system.
 */
export function createTree(limits: TreeLimits) {
  const root = directory(0);
  let entries = 0;
  let bytes = 0;
  let steps = 0;

  /** Adds a node within the limits. */
  function put(parent: TreeNode, name: string, node: TreeNode): void {
    if (++entries > limits.maxEntries) {
      throw tooLarge(`more than ${limits.maxEntries} files`);
    }
    bytes += node.kind === 'directory' ? DIRECTORY_BYTES : NODE_BYTES;
    bytes += 2 * (name.length + node.target.length);
    if (bytes > limits.maxBytes) {
      throw tooLarge('its names and links are too long');
    }
    parent.children ??= new Map();
    parent.children.set(ownCopy(name), node);
  }

  function step(): void {
    if (++steps > limits.maxEntries * STEPS_PER_ENTRY) {
      throw invalidImage('its links lead on and on');
    }
  }

  /** The directory at `parts`, resolving symbolic links as inside the sandbox; created if missing. */
  function descend(parts: readonly string[], layer: number): TreeNode {
    const trail = [root];
    const left = [...parts];
    let links = 0;
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      step();
      const here = trail.at(-1) as TreeNode;
      if (name === '..') {
        if (trail.length > 1) {
          trail.pop();
        }
        continue;
      }
      const child = here.children?.get(name);
      if (child?.kind === 'symlink') {
        if (++links > MAX_LINKS) {
          throw invalidImage('its links go in a circle');
        }
        const { target } = child;
        if (target.startsWith('/')) {
          trail.splice(1);
        }
        left.unshift(...target.split('/').filter((part) => part !== '' && part !== '.'));
        continue;
      }
      if (child?.kind === 'directory') {
        trail.push(child);
        continue;
      }
      const created = directory(layer);
      put(here, name, created);
      trail.push(created);
    }
    return trail.at(-1) as TreeNode;
  }

  /** Runs once per layer: anything added since belongs to that layer. */
  function removeBelow(node: TreeNode, layer: number) {
    if (node.cleared === layer) {
      return;
    }
    node.cleared = layer;
    for (const [name, child] of node.children ?? []) {
      removeBelow(child, layer);
      if (child.layer < layer && (child.children?.size ?? 0) === 0) {
        node.children?.delete(name);
      }
    }
  }

  /** Whether `path` was a whiteout, which is then applied. */
  function whiteout(path: string, layer: number): boolean {
    const parts = split(path);
    const name = parts.pop() ?? '';
    if (!name.startsWith(WHITEOUT)) {
      return false;
    }
    const parent = descend(parts, layer);
    if (name === OPAQUE) {
      removeBelow(parent, layer);
      return true;
    }
    const hidden = name.slice(WHITEOUT.length);
    const node = parent.children?.get(hidden);
    if (node === undefined) {
      return true;
    }
    removeBelow(node, layer);
    if (node.layer < layer && (node.children?.size ?? 0) === 0) {
      parent.children?.delete(hidden);
    }
    return true;
  }

  function add(path: string, node: TreeNode) {
    if (node.kind === 'symlink' && node.target === '') {
      throw invalidImage('a symbolic link leads nowhere');
    }
    const parts = split(path);
    const name = parts.pop();
    if (name === undefined) {
      Object.assign(root, { mode: node.mode, uid: node.uid, gid: node.gid, mtimeMs: node.mtimeMs });
      return;
    }
    const parent = descend(parts, node.layer);
    const old = parent.children?.get(name);
    if (node.kind === 'directory' && old?.kind === 'directory') {
      const { mode, uid, gid, mtimeMs, layer } = node;
      Object.assign(old, { mode, uid, gid, mtimeMs, layer });
      return;
    }
    put(parent, name, node);
  }

  /** Adds another name for an existing file. */
  function link(path: string, target: string) {
    const parts = split(target);
    const name = parts.pop() ?? '';
    const node = descend(parts, 0).children?.get(name);
    if (node === undefined || node.kind === 'directory') {
      throw invalidImage(`${path} is a hard link to nothing`);
    }
    node.linked = true;
    add(path, node);
  }

  return { root, whiteout, add, link };
}

export type Tree = ReturnType<typeof createTree>;
