import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import type { Reader } from './reader.js';

/** Places of the engines' own and of OpenShell's runtime contract. */
const RESERVED = [
  '/proc',
  '/sys',
  '/dev',
  '/opt/openshell',
  '/etc/openshell',
  '/etc/openshell-tls',
  '/run/openshell',
  '/run/openshell-sidecar',
  '/run/netns',
  '/var/run/netns',
  '/run/secrets',
];
/** For a tmpfs without a size; the kernel's own default is half of the host's memory. */
export const DEFAULT_TMPFS_BYTES = 1024 ** 3;
const DEFAULT_TMPFS_MODE = 0o1777;

export type SelinuxLabel = 'shared' | 'private' | undefined;

/** Refuses what the operator has not allowed, what hides the workspace, and one target twice. */
export function checkMounts(
  mounts: readonly { readonly type: string; readonly target: string }[],
  rules: { readonly driver: string; readonly bindMounts: boolean; readonly workspacePath: string },
): void {
  const seen = new Set<string>();
  mounts.forEach(({ type, target }, i) => {
    const field = `driver_config.${rules.driver}.mounts[${i}]`;
    if (type === 'bind' && !rules.bindMounts) {
      throw failedPrecondition(`${field}: mounts of the host's folders are not allowed here`, {
        field,
        hint: `the operator allows them with enable_bind_mounts = true in [openshell.drivers.${rules.driver}]`,
      });
    }
    const reserved =
      isWithin(rules.workspacePath, target) || RESERVED.some((place) => isWithin(target, place));
    if (reserved || seen.has(target)) {
      throw invalidArgument(`${field}.target: '${target}' is ${reserved ? 'reserved' : 'mounted twice'}`, {
        field: `${field}.target`,
      });
    }
    seen.add(target);
  });
}

/** Whether `path` is `folder` or lies below it. */
function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function isPlainPath(path: string): boolean {
  const parts = path.split('/').slice(1);
  return /^\/[^\0,:]+$/.test(path) && parts.every((part) => !['', '.', '..'].includes(part));
}

function readPath(read: Reader, key: string, what: string): string {
  const path = (read.string(key) ?? '').replace(/(?<=.)\/+$/, '');
  if (isPlainPath(path)) {
    return path;
  }
  throw invalidArgument(`${read.field}.${key}: an absolute path ${what} is needed, without . and ..`, {
    field: `${read.field}.${key}`,
  });
}

export function mountTarget(read: Reader): string {
  return readPath(read, 'target', 'other than /');
}

export function hostFolder(read: Reader): string {
  return readPath(read, 'source', 'of the host');
}

/** A volume of the operator's; names that begin with `ownPrefix` belong to single sandboxes. */
export function volumeName(read: Reader, ownPrefix: string): string {
  const field = `${read.field}.source`;
  const name = read.string('source') ?? '';
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) {
    throw invalidArgument(`${field}: the name of a volume is needed`, { field });
  }
  if (!name.startsWith(ownPrefix)) {
    return name;
  }
  throw invalidArgument(`${field}: '${name}' is the gateway's own and belongs to one sandbox`, { field });
}

export function selinuxLabel(read: Reader): SelinuxLabel {
  const label = read.string('selinux_label');
  if (label === undefined || label === 'shared' || label === 'private') {
    return label;
  }
  throw invalidArgument(`${read.field}.selinux_label: shared or private is needed`, {
    field: `${read.field}.selinux_label`,
  });
}

/** Permission bits, as octal digits ("1777") or as a number; by default everyone may write, as in /tmp. */
export function tmpfsMode(read: Reader): number {
  const given = read.json('mode') ?? DEFAULT_TMPFS_MODE;
  const mode = typeof given === 'string' && /^[0-7]{3,4}$/.test(given) ? Number.parseInt(given, 8) : given;
  if (typeof mode === 'number' && Number.isInteger(mode) && mode >= 0 && mode <= 0o1777) {
    return mode;
  }
  throw invalidArgument(`${read.field}.mode: octal digits of at most 1777 are needed, e.g. "700"`, {
    field: `${read.field}.mode`,
  });
}
