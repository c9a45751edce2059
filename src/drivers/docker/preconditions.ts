import type { CallOptions } from '../../compute/driver.js';
import { failedPrecondition } from '../../compute/errors.js';
import { checkHostPaths, type VolumeOptions } from '../container/allowed.js';
import { type DockerClient, orMissing } from './api/client.js';
import type { Plan } from './container-spec.js';
import type { DockerSettings } from './settings.js';

/** The engine's description of itself, as far as the client's types lack it. */
interface EngineInfo {
  readonly Runtimes?: Readonly<Record<string, unknown>>;
  readonly CDISpecDirs?: readonly string[] | null;
}

/** The first version of the engine's API with subpaths of volumes. */
const SUBPATH_API = { major: 1, minor: 45 };

/** Volumes must exist, folders of the host be allowed, and devices need an engine that can hand them out. Asks only when the plan wants either. */
export async function checkEngineCan(
  client: DockerClient,
  { config, container }: Plan,
  settings: DockerSettings,
  options: CallOptions,
): Promise<void> {
  await checkHostPaths(settings, 'docker', config.mounts, (volume, i) =>
    volumeOptions(client, volume, config.mounts[i]?.target ?? '', options),
  );
  if (config.mounts.some((mount) => mount.type === 'volume' && mount.subpath !== undefined)) {
    await requireSubpaths(client, options);
  }
  const devices = container.HostConfig?.DeviceRequests ?? [];
  if (devices.length > 0) {
    await requireDevices(client, config.cdiDevices.length > 0, options);
  }
}

function volumeOptions(
  client: DockerClient,
  name: string,
  target: string,
  { signal }: CallOptions,
): Promise<VolumeOptions> {
  return client.call(
    `volume '${name}'`,
    async (abortSignal) => {
      const volume = await orMissing(undefined, client.docker.getVolume(name).inspect({ abortSignal }));
      if (volume !== undefined) {
        return volume.Options;
      }
      // The engine would silently make an empty one.
      throw failedPrecondition(`Docker has no volume '${name}' to mount at ${target}`, {
        field: 'driver_config.docker.mounts',
        hint: `make it with: docker volume create ${name}`,
      });
    },
    { signal },
  );
}

/** An older engine would silently mount the whole volume. */
async function requireSubpaths(client: DockerClient, { signal }: CallOptions): Promise<void> {
  const { ApiVersion, Version } = await client.call(
    'version of the Docker engine',
    () => client.docker.version(),
    { signal },
  );
  const [major = 0, minor = 0] = ApiVersion.split('.').map(Number);
  if (major > SUBPATH_API.major || (major === SUBPATH_API.major && minor >= SUBPATH_API.minor)) {
    return;
  }
  throw failedPrecondition(`Docker ${Version} mounts volumes only as a whole`, {
    field: 'driver_config.docker.mounts',
    hint: 'leave subpath out, or use Docker 26 or later',
  });
}

async function requireDevices(client: DockerClient, cdi: boolean, { signal }: CallOptions): Promise<void> {
  const info = (await client.call('capabilities of the engine', () => client.docker.info(), {
    signal,
  })) as EngineInfo;
  const can = cdi
    ? (info.CDISpecDirs ?? []).length > 0
    : info.Runtimes?.nvidia !== undefined || (info.CDISpecDirs ?? []).length > 0;
  if (can) {
    return;
  }
  throw failedPrecondition(
    cdi ? 'this Docker engine has CDI switched off' : 'this Docker engine has no runtime for GPUs',
    {
      reason: 'GpuUnavailable',
      field: cdi ? 'driver_config.docker.cdi_devices' : 'spec.gpu',
      hint: cdi
        ? 'set features.cdi = true in daemon.json (Docker 25 or later)'
        : 'install the container toolkit of the GPU vendor on the host, and restart Docker',
    },
  );
}
