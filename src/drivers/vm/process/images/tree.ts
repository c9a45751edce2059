import { Code, OpenShellError } from '../../../../compute/errors.js';

/** A file of the image, apart from its name: hard links share one. */
export interface TreeNode {
  readonly kind: 'file' | 'directory' | 'symlink';
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  /** Where the file's bytes were put. */
  readonly blob?: string;
  readonly target?: string;
  readonly children?: Map<string, TreeNode>;
  /** The layer that set it; whiteouts reach only what is below theirs. */
  layer: number;
}

const MAX_DEPTH = 128;
const MAX_LINKS = 40;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

const invalid = (text: string): OpenShellError =>
  new OpenShellError(Code.FAILED_PRECONDITION, `the image cannot be unpacked: ${text}`, {
    reason: 'ImageInvalid',
  });

const directory = (layer: number): TreeNode => ({
  kind: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtimeMs: 0,
  children: new Map(),
  layer,
});

/** Path components; `..` never leads out of the root. */
const split = (path: string): string[] => {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else if (Buffer.byteLength(part) > 255) throw invalid('a file name is longer than 255 bytes');
    else if (part.includes('\0')) throw invalid('a file name holds a NUL');
    else parts.push(part);
  }
  if (parts.length > MAX_DEPTH) throw invalid(`a path is deeper than ${MAX_DEPTH}`);
  return parts;
};

/**
 * The files of an image, put together in memory from its layers, so that nothing in a layer (a link, a `..`) is ever
 * followed on the host's own file system.
 */
export const createTree = () => {
  const root = directory(0);

  /** The directory at `parts`, through symbolic links as they would resolve inside; made where it is missing. */
  const descend = (parts: readonly string[], layer: number): TreeNode => {
    const trail = [root];
    const left = [...parts];
    let links = 0;
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const here = trail.at(-1) as TreeNode;
      if (name === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const child = here.children?.get(name);
      if (child?.kind === 'symlink') {
        if (++links > MAX_LINKS) throw invalid('its links go in a circle');
        const target = child.target ?? '';
        if (target.startsWith('/')) trail.splice(1);
        left.unshift(...target.split('/').filter((part) => part !== '' && part !== '.'));
        continue;
      }
      if (child?.kind === 'directory') {
        trail.push(child);
        continue;
      }
      const made = directory(layer);
      here.children?.set(name, made);
      trail.push(made);
    }
    return trail.at(-1) as TreeNode;
  };

  const removeBelow = (node: TreeNode, layer: number) => {
    for (const [name, child] of node.children ?? []) {
      removeBelow(child, layer);
      if (child.layer < layer && (child.children?.size ?? 0) === 0) node.children?.delete(name);
    }
  };

  /** Whether `path` was a whiteout, and if so does what it says. */
  const whiteout = (path: string, layer: number): boolean => {
    const parts = split(path);
    const name = parts.pop() ?? '';
    if (!name.startsWith(WHITEOUT)) return false;
    const parent = descend(parts, layer);
    if (name === OPAQUE) {
      removeBelow(parent, layer);
      return true;
    }
    const hidden = name.slice(WHITEOUT.length);
    const node = parent.children?.get(hidden);
    if (node === undefined) return true;
    removeBelow(node, layer);
    if (node.layer < layer && (node.children?.size ?? 0) === 0) parent.children?.delete(hidden);
    return true;
  };

  const add = (path: string, node: TreeNode) => {
    const parts = split(path);
    const name = parts.pop();
    if (name === undefined) {
      Object.assign(root, { mode: node.mode, uid: node.uid, gid: node.gid, mtimeMs: node.mtimeMs });
      return;
    }
    const parent = descend(parts, node.layer);
    const old = parent.children?.get(name);
    if (node.kind === 'directory' && old?.kind === 'directory') {
      Object.assign(old, {
        mode: node.mode,
        uid: node.uid,
        gid: node.gid,
        mtimeMs: node.mtimeMs,
        layer: node.layer,
      });
      return;
    }
    parent.children?.set(name, node.kind === 'directory' ? { ...node, children: new Map() } : node);
  };

  /** A second name for a file that the image has already. */
  const link = (path: string, target: string) => {
    const parts = split(target);
    const name = parts.pop() ?? '';
    const node = descend(parts, 0).children?.get(name);
    if (node === undefined || node.kind === 'directory') throw invalid(`${path} is a hard link to nothing`);
    add(path, node);
  };

  return { root, whiteout, add, link };
};

export type Tree = ReturnType<typeof createTree>;
