import { type DriverSandbox, IDLE_COMMAND } from '../../compute/sandbox.js';
import type { ContainerPlan } from '../container/engine.js';
import { containerName } from '../container/names.js';
import { checkSandbox, hostUsers, type PlanContext } from '../container/plan.js';
import type { ContainerSpec } from './api/types.js';
import { type PodmanConfig, parseDriverConfig } from './driver-config.js';
import type { PodmanHost } from './host.js';
import { gpuDevices, processLimits, resourceLimits } from './limits.js';
import { type Mount, mountSpec } from './mounts.js';
import { bridgeName, hostName, networkName, secretPrefix, volumeName } from './names.js';
import { networkSpec } from './network.js';
import type { PodmanSettings } from './settings.js';
import { type UsernsChoice, usernsSpec } from './userns.js';

/** The engine's file of a main process's output never grows beyond this. */
const LOG_BYTES = 30 * 1024 * 1024;

export interface Dependencies extends PlanContext {
  readonly settings: PodmanSettings;
  readonly userns: UsernsChoice;
  readonly host: PodmanHost;
}

/** All that has to be made for one sandbox. */
export interface Plan extends ContainerPlan {
  readonly labels: Readonly<Record<string, string>>;
  readonly container: ContainerSpec;
  readonly config: PodmanConfig;
  /** Names of the container's volume and network; undefined when it has none. */
  readonly volume: string | undefined;
  readonly network: string | undefined;
  /** What the network's bridge is called on the host. */
  readonly bridge: string;
  readonly secrets: readonly { readonly name: string; readonly value: string }[];
  readonly idle: boolean;
}

/** Works out what `create` will make, and throws what speaks against it. Asks no engine. */
export function planSandbox(sandbox: DriverSandbox, dependencies: Dependencies): Plan {
  const { settings, host, owner } = dependencies;
  const { spec } = sandbox;
  const { template } = spec;
  const config = parseDriverConfig(template.driverConfig);
  const { labels, resources } = checkSandbox('podman', sandbox, dependencies, config);
  // A read-only root cannot hold the workspace.
  const wantsVolume = config.readOnlyRoot || (config.workspaceVolume ?? settings.workspace_volume);
  const volume = wantsVolume ? volumeName(owner.gatewayId, sandbox.id) : undefined;
  const network = networkSpec(settings.network_name, host, networkName(owner.gatewayId, sandbox.id));
  const secrets = config.secrets.map((secret, i) => ({
    ...secret,
    name: `${secretPrefix(owner.gatewayId, sandbox.id)}${i}`,
  }));
  const mounts = mountSpec(config.mounts);
  const devices = gpuDevices(spec.gpu, config.cdiDevices);
  const idle = spec.command.length === 0;
  const container: ContainerSpec = {
    name: containerName(sandbox),
    image: template.image,
    entrypoint: [],
    command: [...(idle ? IDLE_COMMAND : spec.command)],
    env: { ...template.environment, ...spec.environment },
    labels,
    hostname: hostName(sandbox),
    work_dir: settings.workspace_path,
    create_working_dir: true,
    terminal: spec.tty,
    // A shell without a terminal reads commands from it; it stays open until a client closes it.
    stdin: !idle,
    init: true,
    cap_drop: ['ALL'],
    no_new_privileges: true,
    read_only_filesystem: config.readOnlyRoot,
    restart_policy: 'no',
    stop_timeout: settings.stop_timeout_secs,
    log_configuration: { driver: 'k8s-file', size: LOG_BYTES },
    resource_limits: resourceLimits({ asked: template.resources, given: resources }, host, {
      mode: settings.limits === 'best-effort' ? 'best-effort' : 'strict',
      pids: settings.sandbox_pids_limit,
    }),
    ...processLimits(settings.max_open_files, host),
    ...(dependencies.diskBytes !== undefined && { storage_opts: { size: `${dependencies.diskBytes}` } }),
    ...network.spec,
    ...usernsSpec(
      dependencies.userns,
      hostUsers('podman', template.platformConfig, [true, false]),
      host.rootless,
    ),
    mounts: config.readOnlyRoot ? [...scratch(config.mounts), ...mounts.mounts] : mounts.mounts,
    volumes:
      volume === undefined
        ? mounts.volumes
        : [...mounts.volumes, { Name: volume, Dest: settings.workspace_path, Options: ['nosuid', 'nodev'] }],
    image_volumes: mounts.image_volumes,
    secrets: secrets.flatMap(({ name, path }) =>
      path === undefined ? [] : [{ Source: name, Target: path, UID: 0, GID: 0, Mode: 0o444 }],
    ),
    secret_env: Object.fromEntries(
      secrets.flatMap(({ name, env }) => (env === undefined ? [] : [[env, name]])),
    ),
    devices: devices.map((path) => ({ path })),
  };
  return {
    labels,
    container,
    config,
    volume,
    network: network.own,
    bridge: bridgeName(network.own ?? '', settings.host_access),
    secrets,
    image: template.image,
    otherImages: mounts.image_volumes.map((image) => image.Source),
    idle,
  };
}

/** A /tmp that can be written to, unless the sandbox mounts something there itself. */
function scratch(mounts: readonly Mount[]) {
  return mounts.some(({ target }) => target === '/tmp')
    ? []
    : mountSpec([{ type: 'tmpfs', target: '/tmp', sizeBytes: undefined, mode: 0o1777 }]).mounts;
}
