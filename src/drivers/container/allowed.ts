import { realpath } from 'node:fs/promises';
import { isListed, notAllowed } from '../../compute/allow-list.js';
import { failedPrecondition } from '../../compute/errors.js';

/** What of the host a sandbox may be given: keys of both engines. */
export const allowedSettings = {
  allowed_volumes: {
    type: 'strings',
    default: [],
    doc: 'Volumes that a sandbox may mount, by name; a trailing * matches any rest. Its own volume is always allowed.',
  },
  allowed_devices: {
    type: 'strings',
    default: [],
    doc: 'CDI devices that a sandbox may name, e.g. nvidia.com/gpu=0; a trailing * matches any rest.',
  },
  allowed_bind_paths: {
    type: 'strings',
    default: [],
    doc: 'Folders of the host that a sandbox may mount, and all below them; empty: any. Needs enable_bind_mounts.',
  },
} as const;

interface AllowedSettings {
  readonly allowed_volumes: readonly string[];
  readonly allowed_devices: readonly string[];
  readonly allowed_bind_paths: readonly string[];
  readonly enable_bind_mounts: boolean;
}

/** Refuses CDI devices and volumes that the operator does not list. */
export function checkNames(
  settings: AllowedSettings,
  driver: string,
  asked: {
    readonly devices: readonly string[];
    readonly mounts: readonly { readonly type: string; readonly source?: string }[];
  },
): void {
  asked.devices.forEach((name, i) => {
    if (isListed(name, settings.allowed_devices)) {
      return;
    }
    throw notAllowed(`driver_config.${driver}.cdi_devices[${i}]`, `'${name}'`, 'allowed_devices', driver);
  });
  asked.mounts.forEach(({ type, source = '' }, i) => {
    if (type !== 'volume' || isListed(source, settings.allowed_volumes)) {
      return;
    }
    throw notAllowed(
      `driver_config.${driver}.mounts[${i}].source`,
      `the volume '${source}'`,
      'allowed_volumes',
      driver,
    );
  });
}

/** Options of a volume of the driver `local`. */
export type VolumeOptions = Readonly<Record<string, string>> | null | undefined;

/** The folder or device of the host behind a volume; undefined when the volume is the engine's own. */
function hostPathOf(options: VolumeOptions): string | undefined {
  const device = options?.device ?? '';
  return device.startsWith('/') ? device : undefined;
}

function isWithin(path: string, folder: string): boolean {
  const plain = folder.replace(/(?<=.)\/+$/, '');
  return path === plain || path.startsWith(plain === '/' ? '/' : `${plain}/`);
}

/** Refuses what of the host is not within `allowed_bind_paths`, symbolic links on the way included. */
async function checkHostPath(
  settings: AllowedSettings,
  driver: string,
  field: string,
  path: string,
): Promise<void> {
  const { enable_bind_mounts: enabled, allowed_bind_paths: allowed } = settings;
  if (!enabled) {
    throw notAllowed(field, "the host's folder", 'enable_bind_mounts', driver);
  }
  if (allowed.length === 0) {
    return;
  }
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) {
    throw failedPrecondition(`${field}: '${path}' cannot be looked at from here`, {
      reason: 'NotAllowed',
      field,
      hint: 'with allowed_bind_paths a folder must exist and be visible to the gateway',
    });
  }
  // A link inside an allowed folder may have been made by a sandbox.
  const inside = real === path && allowed.some((folder) => isWithin(real, folder));
  if (!inside) {
    throw notAllowed(field, `'${path}', or where its symbolic links lead,`, 'allowed_bind_paths', driver);
  }
}

/** Refuses folders of the host that the operator does not allow, those behind volumes included. */
export async function checkHostPaths(
  settings: AllowedSettings,
  driver: string,
  mounts: readonly { readonly type: string; readonly source?: string }[],
  optionsOf: (volume: string, mount: number) => Promise<VolumeOptions>,
): Promise<void> {
  for (const [i, { type, source = '' }] of mounts.entries()) {
    const field = `driver_config.${driver}.mounts[${i}].source`;
    const path =
      type === 'bind' ? source : type === 'volume' ? hostPathOf(await optionsOf(source, i)) : undefined;
    if (path !== undefined) {
      await checkHostPath(settings, driver, field, path);
    }
  }
}
