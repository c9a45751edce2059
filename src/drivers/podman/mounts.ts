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
import { OWN_PREFIX } from '../container/names.js';
import { type Reader, readObject } from '../container/reader.js';
import type { ContainerSpec } from './api/types.js';

/** One entry of `driver_config.podman.mounts`. */
export type Mount =
  | {
      readonly type: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly selinuxLabel: SelinuxLabel;
    }
  | { readonly type: 'volume'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly type: 'image'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly sizeBytes: number | undefined;
      /** Permission bits. */
      readonly mode: number;
    };

const TYPES = ['bind', 'volume', 'tmpfs', 'image'] as const;
const KEYS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  bind: ['type', 'source', 'target', 'read_only', 'selinux_label'],
  volume: ['type', 'source', 'target', 'read_only'],
  image: ['type', 'source', 'target', 'read_only'],
  tmpfs: ['type', 'target', 'size_bytes', 'mode'],
};

export function parseMount(value: Json, field: string): Mount {
  const kind = readObject(value, field, [...new Set(Object.values(KEYS).flat())]).string('type');
  const type = TYPES.find((known) => known === kind);
  if (type === undefined) {
    throw invalidArgument(`${field}.type: one of ${TYPES.join(', ')} is needed`, { field: `${field}.type` });
  }
  const read = readObject(value, field, KEYS[type]);
  const target = mountTarget(read);
  const readOnly = read.boolean('read_only') ?? true;
  switch (type) {
    case 'tmpfs':
      return { type, target, sizeBytes: read.integer('size_bytes', 1), mode: tmpfsMode(read) };
    case 'bind':
      return { type, target, readOnly, source: hostFolder(read), selinuxLabel: selinuxLabel(read) };
    case 'volume':
      return { type, target, readOnly, source: volumeName(read, OWN_PREFIX) };
    case 'image':
      return { type, target, readOnly, source: imageName(read) };
  }
}

function imageName(read: Reader): string {
  const name = read.string('source') ?? '';
  if (name !== '') {
    return name;
  }
  throw invalidArgument(`${read.field}.source: it is missing`, { field: `${read.field}.source` });
}

/** The mounts as Podman's container specification takes them. */
export function mountSpec(
  mounts: readonly Mount[],
): Required<Pick<ContainerSpec, 'mounts' | 'volumes' | 'image_volumes'>> {
  return {
    mounts: mounts.flatMap((mount) => {
      if (mount.type === 'bind') {
        const label = { shared: ['z'], private: ['Z'], none: [] }[mount.selinuxLabel ?? 'none'];
        const options = ['rbind', mount.readOnly ? 'ro' : 'rw', 'nosuid', 'nodev', ...label];
        return [{ type: 'bind', source: mount.source, destination: mount.target, options }];
      }
      if (mount.type !== 'tmpfs') {
        return [];
      }
      const size = `size=${mount.sizeBytes ?? DEFAULT_TMPFS_BYTES}`;
      const options = ['nosuid', 'nodev', `mode=${mount.mode.toString(8)}`, size];
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
  };
}
