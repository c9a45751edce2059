import type { HostConfig, MountSettings } from 'dockerode';
import { invalidArgument } from '../../compute/errors.js';
import type { Json } from '../../compute/sandbox.js';
import {
  DEFAULT_TMPFS_BYTES,
  hostFolder,
  mountTarget,
  type SelinuxLabel,
  selinuxLabel,
  tmpfsMode,
  volumeName,
} from '../container/mount-parts.js';
import { readObject } from '../container/reader.js';
import { WORKSPACE_VOLUME_PREFIX } from './names.js';

interface Placed {
  readonly target: string;
  readonly readOnly: boolean;
}

/** One entry of `driver_config.docker.mounts`. */
export type Mount =
  | (Placed & {
      readonly type: 'bind';
      readonly source: string;
      readonly selinuxLabel: SelinuxLabel;
    })
  | (Placed & { readonly type: 'volume'; readonly source: string; readonly subpath: string | undefined })
  | (Placed & {
      readonly type: 'tmpfs';
      readonly options: readonly string[];
      readonly sizeBytes: number | undefined;
      /** Permission bits. */
      readonly mode: number;
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

/** INVALID_ARGUMENT with the dotted field at fault. */
export function parseMount(value: Json, field: string): Mount {
  const word = readObject(value, field, [...new Set(Object.values(KEYS).flat())]).string('type');
  const type = TYPES.find((known) => known === word);
  if (type === undefined) {
    throw invalidArgument(`${field}.type: one of ${TYPES.join(', ')} is needed`, {
      field: `${field}.type`,
      hint: word === 'image' ? 'Docker cannot mount images here; use a volume' : undefined,
    });
  }
  const read = readObject(value, field, KEYS[type]);
  const target = mountTarget(read);
  const readOnly = read.boolean('read_only') ?? type !== 'tmpfs';
  switch (type) {
    case 'bind':
      return { type, target, readOnly, source: hostFolder(read), selinuxLabel: selinuxLabel(read) };
    case 'volume':
      return {
        type,
        target,
        readOnly,
        source: volumeName(read, WORKSPACE_VOLUME_PREFIX),
        subpath: subpath(read.string('subpath'), `${field}.subpath`),
      };
    case 'tmpfs':
      return {
        type,
        target,
        readOnly,
        options: read.list('options').map((option, i) => tmpfsOption(option, `${field}.options[${i}]`)),
        sizeBytes: read.integer('size_bytes', 1),
        mode: tmpfsMode(read),
      };
  }
}

/** The mounts as the engine's API takes them. */
export function mountConfig(
  mounts: readonly Mount[],
): Required<Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs'>> {
  return {
    // Labels for SELinux exist only in this older form.
    Binds: mounts.flatMap((m) =>
      m.type === 'bind' && m.selinuxLabel !== undefined
        ? [`${m.source}:${m.target}:${m.readOnly ? 'ro' : 'rw'},${m.selinuxLabel === 'shared' ? 'z' : 'Z'}`]
        : [],
    ),
    Mounts: mounts.flatMap((m): MountSettings[] => {
      if (m.type === 'tmpfs' || (m.type === 'bind' && m.selinuxLabel !== undefined)) {
        return [];
      }
      const place = { Type: m.type, Source: m.source, Target: m.target, ReadOnly: m.readOnly };
      return m.type === 'volume' && m.subpath !== undefined
        ? [{ ...place, VolumeOptions: { Subpath: m.subpath } } as unknown as MountSettings]
        : [place];
    }),
    Tmpfs: Object.fromEntries(
      mounts.flatMap((m) => (m.type === 'tmpfs' ? [[m.target, tmpfsOptions(m)] as const] : [])),
    ),
  };
}

function tmpfsOptions(mount: Mount & { type: 'tmpfs' }): string {
  return [
    mount.readOnly ? 'ro' : 'rw',
    'nosuid',
    'nodev',
    ...mount.options.filter((option) => option !== 'nosuid' && option !== 'nodev'),
    `size=${mount.sizeBytes ?? DEFAULT_TMPFS_BYTES}`,
    `mode=${mount.mode.toString(8)}`,
  ].join(',');
}

function subpath(given: string | undefined, field: string): string | undefined {
  const plain = given === undefined || given.split('/').every((part) => !['', '.', '..'].includes(part));
  if (plain) {
    return given;
  }
  throw invalidArgument(`${field}: a relative path without . and .. is needed`, { field });
}

function tmpfsOption(given: Json, field: string): string {
  if (typeof given === 'string' && TMPFS_OPTIONS.includes(given)) {
    return given;
  }
  throw invalidArgument(`${field}: ${JSON.stringify(given)} is none of ${TMPFS_OPTIONS.join(', ')}`, {
    field,
  });
}
