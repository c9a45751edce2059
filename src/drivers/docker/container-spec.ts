import type { ContainerCreateOptions } from 'dockerode';
import { type Ceilings, withinCeilings } from '../../compute/ceilings.js';
import { invalidArgument } from '../../compute/errors.js';
import { ownerLabels, RESERVED_LABEL_PREFIX } from '../../compute/labels.js';
import { type DriverSandbox, IDLE_COMMAND, type JsonObject } from '../../compute/sandbox.js';
import { checkNames } from '../container/allowed.js';
import { checkMounts, DEFAULT_TMPFS_BYTES } from '../container/mount-parts.js';
import { type DockerConfig, parseDriverConfig } from './driver-config.js';
import { mountConfig } from './mounts.js';
import { containerName, HELPER_LABEL, workspaceVolumeName } from './names.js';
import { deviceRequests, resourceLimits } from './resources.js';
import type { DockerSettings } from './settings.js';

/** What one gateway makes containers with. */
export interface Dependencies {
  readonly owner: { readonly gatewayId: string; readonly version: string };
  readonly settings: DockerSettings;
  readonly ceilings: Ceilings;
  /** Most that a container may write to its root; undefined: no limit. */
  readonly diskBytes: number | undefined;
}

/** All that has to be made for one sandbox. */
export interface Plan {
  readonly image: string;
  readonly container: ContainerCreateOptions & { readonly name: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly config: DockerConfig;
  /** The volume that holds the workspace path, when the root cannot. */
  readonly workspaceVolume: string | undefined;
  readonly idle: boolean;
}

/** Works out what `create` will make, and throws what speaks against it. Asks no engine. */
export function planSandbox(sandbox: DriverSandbox, dependencies: Dependencies): Plan {
  const { owner, settings, ceilings, diskBytes } = dependencies;
  const { spec } = sandbox;
  const { template } = spec;
  refusePlatformConfig(template.platformConfig);
  refuseReservedLabels(template.labels);
  const config = parseDriverConfig(template.driverConfig);
  const workspacePath = settings.workspace_path;
  checkMounts(config.mounts, {
    driver: 'docker',
    bindMounts: settings.enable_bind_mounts,
    workspacePath,
  });
  checkNames(settings, 'docker', { devices: config.cdiDevices, mounts: config.mounts });
  const resources = withinCeilings(template.resources, spec.gpu, ceilings);
  const labels = { ...template.labels, ...ownerLabels(owner, sandbox) };
  const mounts = mountConfig(config.mounts);
  const workspaceVolume = config.readOnlyRoot ? workspaceVolumeName(sandbox) : undefined;
  const idle = spec.command.length === 0;
  const environment: Record<string, string> = {
    ...(spec.tty && { TERM: 'xterm-256color' }),
    ...template.environment,
    ...spec.environment,
    OPENSHELL_SANDBOX: sandbox.name,
    OPENSHELL_SANDBOX_ID: sandbox.id,
  };
  return {
    image: template.image,
    labels,
    config,
    workspaceVolume,
    idle,
    container: {
      name: containerName(sandbox),
      Image: template.image,
      Entrypoint: [...(idle ? IDLE_COMMAND : spec.command)],
      Cmd: [],
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      // An image may carry it as well, and labels of the container win.
      Labels: { ...labels, [HELPER_LABEL]: '' },
      WorkingDir: workspacePath,
      Tty: spec.tty,
      // A shell without a terminal reads commands from it: until somebody closes it there is no end of file.
      OpenStdin: spec.tty || !idle,
      StdinOnce: false,
      StopSignal: 'SIGTERM',
      StopTimeout: settings.stop_timeout_secs,
      HostConfig: {
        Init: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        RestartPolicy: { Name: 'no' },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
        NetworkMode: settings.network_name,
        ...(settings.sandbox_pids_limit > 0 && { PidsLimit: settings.sandbox_pids_limit }),
        ...resourceLimits(resources),
        Ulimits: [
          { Name: 'core', Soft: 0, Hard: 0 },
          ...(settings.max_open_files > 0
            ? [{ Name: 'nofile', Soft: settings.max_open_files, Hard: settings.max_open_files }]
            : []),
        ],
        ...(diskBytes !== undefined && { StorageOpt: { size: `${diskBytes}` } }),
        DeviceRequests: deviceRequests(spec.gpu, config.cdiDevices),
        ReadonlyRootfs: config.readOnlyRoot,
        Binds: mounts.Binds,
        Mounts:
          workspaceVolume === undefined
            ? mounts.Mounts
            : [
                ...mounts.Mounts,
                {
                  Type: 'volume',
                  Source: workspaceVolume,
                  Target: workspacePath,
                  VolumeOptions: {
                    NoCopy: false,
                    Labels: labels,
                    DriverConfig: { Name: 'local', Options: {} },
                  },
                },
              ],
        // Few programs live without a place for temporary files.
        Tmpfs: config.readOnlyRoot
          ? { '/tmp': `rw,nosuid,nodev,size=${DEFAULT_TMPFS_BYTES},mode=1777`, ...mounts.Tmpfs }
          : mounts.Tmpfs,
      },
    },
  };
}

/** Docker has no use for any of it; what says no more than the default may stay. */
function refusePlatformConfig(platform: JsonObject): void {
  for (const [key, value] of Object.entries(platform)) {
    const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (empty || (key === 'host_users' && value === true)) {
      continue;
    }
    throw invalidArgument(`platform_config.${key}: the docker driver has no such setting`, {
      field: `spec.template.platform_config.${key}`,
      hint: 'leave it out, or choose a driver that has it',
    });
  }
}

function refuseReservedLabels(labels: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(labels)) {
    if (!key.startsWith(RESERVED_LABEL_PREFIX)) {
      continue;
    }
    throw invalidArgument(`spec.template.labels: '${key}' is the gateway's own`, {
      field: 'spec.template.labels',
    });
  }
}
