import type { HostConfig, MountSettings } from 'dockerode';
import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import type { Json } from '../../compute/sandbox.js';
import { readObject } from '../engine/reader.js';

interface Placed {
  readonly target: string;
  readonly readOnly: boolean;
}

/** One entry of `driver_config.docker.mounts`. */
export type Mount =
  | (Placed & {
      readonly type: 'bind';
      readonly source: string;
      readonly selinuxLabel: 'shared' | 'private' | undefined;
    })
  | (Placed & { readonly type: 'volume'; readonly source: string; readonly subpath: string | undefined })
  | (Placed & {
      readonly type: 'tmpfs';
      readonly options: readonly string[];
      readonly sizeBytes: number | undefined;
      /** Permission bits. */
      readonly mode: number | undefined;
    });

const KEYS = {
  bind: ['type', 'source', 'target', 'read_only', 'selinux_label'],
  volume: ['type', 'source', 'target', 'read_only', 'subpath'],
  tmpfs: ['type', 'target', 'read_only', 'options', 'size_bytes', 'mode'],
} as const;
type MountType = keyof typeof KEYS;
const TYPES = Object.keys(KEYS) as MountType[];

/** `nosuid` and `nodev` always stand; what would take them away is not among these. */
const TMPFS_OPTIONS = ['exec', 'noexec', 'nosuid', 'nodev', 'noatime', 'relatime', 'nodiratime'];

/** Places of the engine's own and of OpenShell's runtime contract. */
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
];

/** INVALID_ARGUMENT with the dotted field at fault. */
export const parseMount = (value: Json, field: string): Mount => {
  const word = readObject(value, field, [...new Set(Object.values(KEYS).flat())]).string('type');
  const type = TYPES.find((known) => known === word);
  if (type === undefined) {
    throw invalidArgument(`${field}.type: one of ${TYPES.join(', ')} is needed`, {
      field: `${field}.type`,
      hint: word === 'image' ? 'Docker cannot mount images here; use a volume' : undefined,
    });
  }
  const read = readObject(value, field, KEYS[type]);
  const target = absolute(read.string('target'), `${field}.target`);
  const readOnly = read.boolean('read_only') ?? type !== 'tmpfs';
  switch (type) {
    case 'bind':
      return {
        type,
        target,
        readOnly,
        source: absolute(read.string('source'), `${field}.source`),
        selinuxLabel: selinuxLabel(read.string('selinux_label'), `${field}.selinux_label`),
      };
    case 'volume':
      return {
        type,
        target,
        readOnly,
        source: volumeName(read.string('source'), `${field}.source`),
        subpath: subpath(read.string('subpath'), `${field}.subpath`),
      };
    case 'tmpfs':
      return {
        type,
        target,
        readOnly,
        options: read.list('options').map((option, i) => tmpfsOption(option, `${field}.options[${i}]`)),
        sizeBytes: read.integer('size_bytes', 1),
        mode: mode(read.integer('mode', 0), `${field}.mode`),
      };
  }
};

/** Refuses what the operator has not allowed, what hides the workspace, and one target twice. */
export const checkMounts = (
  mounts: readonly Mount[],
  rules: { readonly bindMounts: boolean; readonly workspacePath: string },
): void => {
  const seen = new Set<string>();
  mounts.forEach(({ type, target }, i) => {
    const field = `driver_config.docker.mounts[${i}]`;
    if (type === 'bind' && !rules.bindMounts) {
      throw failedPrecondition(`${field}: mounts of the host's folders are not allowed here`, {
        field,
        hint: 'the operator allows them with enable_bind_mounts = true in [openshell.drivers.docker]',
      });
    }
    const reserved = within(rules.workspacePath, target) || RESERVED.some((place) => within(target, place));
    if (reserved || seen.has(target)) {
      throw invalidArgument(`${field}.target: '${target}' is ${reserved ? 'reserved' : 'mounted twice'}`, {
        field: `${field}.target`,
      });
    }
    seen.add(target);
  });
};

/** The mounts in the engine's words. */
export const mountConfig = (
  mounts: readonly Mount[],
): Required<Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs'>> => ({
  // Labels for SELinux exist only in this older form.
  Binds: mounts.flatMap((m) =>
    m.type === 'bind' && m.selinuxLabel !== undefined
      ? [`${m.source}:${m.target}:${m.readOnly ? 'ro' : 'rw'},${m.selinuxLabel === 'shared' ? 'z' : 'Z'}`]
      : [],
  ),
  Mounts: mounts.flatMap((m): MountSettings[] => {
    if (m.type === 'tmpfs' || (m.type === 'bind' && m.selinuxLabel !== undefined)) return [];
    const place = { Type: m.type, Source: m.source, Target: m.target, ReadOnly: m.readOnly };
    return m.type === 'volume' && m.subpath !== undefined
      ? [{ ...place, VolumeOptions: { Subpath: m.subpath } } as unknown as MountSettings]
      : [place];
  }),
  Tmpfs: Object.fromEntries(
    mounts.flatMap((m) => (m.type === 'tmpfs' ? [[m.target, tmpfsOptions(m)] as const] : [])),
  ),
});

const tmpfsOptions = (mount: Mount & { type: 'tmpfs' }): string =>
  [
    mount.readOnly ? 'ro' : 'rw',
    'nosuid',
    'nodev',
    ...mount.options.filter((option) => option !== 'nosuid' && option !== 'nodev'),
    ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
    `mode=${(mount.mode ?? 0o1777).toString(8)}`,
  ].join(',');

/** Whether `path` is `folder` or lies below it. */
const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

const absolute = (given: string | undefined, field: string): string => {
  const path = (given ?? '').replace(/(?<=.)\/+$/, '');
  const parts = path.split('/').slice(1);
  if (/^\/[^\0,:]+$/.test(path) && parts.every((part) => !['', '.', '..'].includes(part))) return path;
  throw invalidArgument(`${field}: an absolute path other than / is needed, without . and ..`, { field });
};

const volumeName = (given: string | undefined, field: string): string => {
  if (given !== undefined && /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(given)) return given;
  throw invalidArgument(`${field}: the name of a volume is needed`, { field });
};

const subpath = (given: string | undefined, field: string): string | undefined => {
  const plain = given === undefined || given.split('/').every((part) => !['', '.', '..'].includes(part));
  if (plain) return given;
  throw invalidArgument(`${field}: a relative path without . and .. is needed`, { field });
};

const selinuxLabel = (given: string | undefined, field: string) => {
  if (given === undefined || given === 'shared' || given === 'private') return given;
  throw invalidArgument(`${field}: shared or private is needed`, { field });
};

const tmpfsOption = (given: Json, field: string): string => {
  if (typeof given === 'string' && TMPFS_OPTIONS.includes(given)) return given;
  throw invalidArgument(`${field}: ${JSON.stringify(given)} is none of ${TMPFS_OPTIONS.join(', ')}`, {
    field,
  });
};

const mode = (given: number | undefined, field: string): number | undefined => {
  if (given === undefined || given <= 0o1777) return given;
  throw invalidArgument(`${field}: permission bits of at most 1023 (octal 1777) are needed`, { field });
};
