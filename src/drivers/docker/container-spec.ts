import type { ContainerCreateOptions } from 'dockerode';
import { type DriverSandbox, IDLE_COMMAND } from '../../compute/sandbox.js';
import type { ContainerPlan } from '../container/engine.js';
import { DEFAULT_TMPFS_BYTES } from '../container/mount-parts.js';
import { containerName } from '../container/names.js';
import { checkSandbox, hostUsers, type PlanContext } from '../container/plan.js';
import { type DockerConfig, parseDriverConfig } from './driver-config.js';
import { deviceRequests, resourceLimits } from './limits.js';
import { mountConfig } from './mounts.js';
import { HELPER_LABEL, workspaceVolumeName } from './names.js';
import type { DockerSettings } from './settings.js';

export interface Dependencies extends PlanContext {
  readonly settings: DockerSettings;
}

/** All that has to be made for one sandbox. */
export interface Plan extends ContainerPlan {
  readonly container: ContainerCreateOptions & { readonly name: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly config: DockerConfig;
  /** The volume that holds the workspace path, when the root cannot. */
  readonly workspaceVolume: string | undefined;
  readonly idle: boolean;
}

/** Works out what `create` will make, and throws what speaks against it. Asks no engine. */
export function planSandbox(sandbox: DriverSandbox, dependencies: Dependencies): Plan {
  const { settings, diskBytes } = dependencies;
  const { spec } = sandbox;
  const { template } = spec;
  hostUsers('docker', template.platformConfig, [true]);
  const config = parseDriverConfig(template.driverConfig);
  const workspacePath = settings.workspace_path;
  const { labels, resources } = checkSandbox('docker', sandbox, dependencies, config);
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
    otherImages: [],
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
      // A shell without a terminal reads commands from it; it stays open until a client closes it.
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
