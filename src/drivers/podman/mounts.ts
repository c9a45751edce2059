import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import type { Json } from '../../compute/sandbox.js';
import { type Reader, readObject } from '../engine/reader.js';
import type { ContainerSpec } from './api/types.js';
import { OWN_PREFIX } from './names.js';

/** One entry of `driver_config.podman.mounts`. */
export type Mount =
  | {
      readonly type: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly selinuxLabel: 'shared' | 'private' | undefined;
    }
  | { readonly type: 'volume'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly type: 'image'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly sizeBytes: number | undefined;
      /** Octal digits, e.g. `1777`. */
      readonly mode: string | undefined;
    };

const TYPES = ['bind', 'volume', 'tmpfs', 'image'] as const;
const KEYS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  bind: ['type', 'source', 'target', 'read_only', 'selinux_label'],
  volume: ['type', 'source', 'target', 'read_only'],
  image: ['type', 'source', 'target', 'read_only'],
  tmpfs: ['type', 'target', 'size_bytes', 'mode'],
};
/** Places that upstream's supervisor or the engine itself uses. */
const RESERVED = [
  '/opt/openshell',
  '/etc/openshell',
  '/etc/openshell-tls',
  '/run/openshell',
  '/run/openshell-sidecar',
  '/run/netns',
  '/var/run/netns',
  '/run/secrets',
  '/proc',
  '/sys',
  '/dev',
];

export const parseMount = (value: Json, field: string): Mount => {
  const kind = readObject(value, field, [...new Set(Object.values(KEYS).flat())]).string('type');
  const type = TYPES.find((known) => known === kind);
  if (type === undefined) {
    throw invalidArgument(`${field}.type: one of ${TYPES.join(', ')} is needed`, { field: `${field}.type` });
  }
  const read = readObject(value, field, KEYS[type]);
  const target = targetOf(read);
  if (type === 'tmpfs') {
    const mode = read.string('mode');
    if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode)) {
      throw invalidArgument(`${field}.mode: octal digits are needed, e.g. 1777`, { field: `${field}.mode` });
    }
    return { type, target, sizeBytes: read.integer('size_bytes', 1), mode };
  }
  const source = read.string('source') ?? '';
  const readOnly = read.boolean('read_only') ?? true;
  checkSource(type, source, `${field}.source`);
  if (type !== 'bind') return { type, source, target, readOnly };
  const label = read.string('selinux_label');
  if (label !== undefined && label !== 'shared' && label !== 'private') {
    throw invalidArgument(`${field}.selinux_label: shared or private is needed`, {
      field: `${field}.selinux_label`,
    });
  }
  return { type, source, target, readOnly, selinuxLabel: label };
};

/** Refuses what the operator has not allowed and what would hide the workspace. */
export const checkMounts = (
  mounts: readonly Mount[],
  rules: { readonly bindMounts: boolean; readonly workspacePath: string },
): void => {
  const seen = new Set<string>();
  mounts.forEach((mount, i) => {
    const field = `driver_config.podman.mounts[${i}]`;
    if (mount.type === 'bind' && !rules.bindMounts) {
      throw failedPrecondition(`${field}: mounts of the host's folders are not allowed here`, {
        field,
        hint: 'the operator allows them with enable_bind_mounts = true in [openshell.drivers.podman]',
      });
    }
    const hides = within(rules.workspacePath, mount.target);
    if (hides || RESERVED.some((place) => within(mount.target, place))) {
      throw invalidArgument(`${field}.target: '${mount.target}' is reserved`, { field: `${field}.target` });
    }
    if (seen.has(mount.target)) {
      throw invalidArgument(`${field}.target: '${mount.target}' is mounted twice`, {
        field: `${field}.target`,
      });
    }
    seen.add(mount.target);
  });
};

/** The mounts in the words of Podman's container description. */
export const mountSpec = (
  mounts: readonly Mount[],
): Required<Pick<ContainerSpec, 'mounts' | 'volumes' | 'image_volumes'>> => ({
  mounts: mounts.flatMap((mount) => {
    if (mount.type === 'bind') {
      const label = { shared: ['z'], private: ['Z'], none: [] }[mount.selinuxLabel ?? 'none'];
      const options = ['rbind', mount.readOnly ? 'ro' : 'rw', 'nosuid', 'nodev', ...label];
      return [{ type: 'bind', source: mount.source, destination: mount.target, options }];
    }
    if (mount.type !== 'tmpfs') return [];
    const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`];
    const options = ['nosuid', 'nodev', `mode=${mount.mode ?? '1777'}`, ...size];
    return [{ type: 'tmpfs', source: 'tmpfs', destination: mount.target, options }];
  }),
  volumes: mounts.flatMap((mount) =>
    mount.type === 'volume'
      ? [
          {
            Name: mount.source,
            Dest: mount.target,
            Options: [mount.readOnly ? 'ro' : 'rw', 'nosuid', 'nodev'],
          },
        ]
      : [],
  ),
  image_volumes: mounts.flatMap((mount) =>
    mount.type === 'image'
      ? [{ Source: mount.source, Destination: mount.target, ReadWrite: !mount.readOnly }]
      : [],
  ),
});

/** Whether `path` is `folder` or lies below it. */
const within = (path: string, folder: string): boolean =>
  path === folder || folder === '/' || path.startsWith(`${folder}/`);

const targetOf = (read: Reader): string => {
  const target = (read.string('target') ?? '').replace(/(?<=.)\/+$/, '');
  const parts = target.split('/').slice(1);
  const plain = /^\/[^\0,:]+$/.test(target) && parts.every((part) => !['', '.', '..'].includes(part));
  if (plain) return target;
  throw invalidArgument(`${read.field}.target: an absolute path other than / is needed, without . and ..`, {
    field: `${read.field}.target`,
  });
};

const checkSource = (type: 'bind' | 'volume' | 'image', source: string, field: string): void => {
  if (type === 'bind' && !(source.startsWith('/') && !source.split('/').includes('..'))) {
    throw invalidArgument(`${field}: an absolute path of the host is needed, without ..`, { field });
  }
  if (type === 'volume' && !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(source)) {
    throw invalidArgument(`${field}: the name of a volume is needed`, { field });
  }
  if (type === 'volume' && source.startsWith(OWN_PREFIX)) {
    throw invalidArgument(`${field}: '${source}' is the gateway's own and belongs to one sandbox`, { field });
  }
  if (source === '') throw invalidArgument(`${field}: it is missing`, { field });
};
