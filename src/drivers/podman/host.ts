import type { EngineStorage, HostSize } from '../container/limits.js';
import type { Info } from './api/types.js';

/** What Podman's host can do, read once from its own description. */
export interface PodmanHost {
  readonly version: string;
  readonly size: HostSize;
  readonly storage: EngineStorage;
  readonly rootless: boolean;
  /** Which limits take effect; on cgroups v1 a rootless engine drops all of them. */
  readonly limits: { readonly cpu: boolean; readonly memory: boolean; readonly pids: boolean };
  readonly cgroups: string;
  /** What carries a rootless sandbox's traffic; undefined when no helper is installed. Rootful: the bridge. */
  readonly network: 'bridge' | 'pasta' | 'slirp4netns' | undefined;
  /** Without events there is no watching. */
  readonly events: boolean;
}

export function readHost(info: Info): PodmanHost {
  const { host, version, store } = info;
  const rootless = host.security.rootless;
  const controllers = new Set(rootless && host.cgroupVersion === 'v1' ? [] : (host.cgroupControllers ?? []));
  return {
    version: version.Version,
    size: { cpus: host.cpus, memoryBytes: host.memTotal },
    storage: {
      driver: store.graphDriverName,
      backing: store.graphStatus?.['Backing Filesystem'] ?? '',
      folder: store.graphRoot,
    },
    rootless,
    limits: {
      cpu: controllers.has('cpu'),
      memory: controllers.has('memory'),
      pids: controllers.has('pids'),
    },
    cgroups: host.cgroupVersion,
    network: rootless ? rootlessNetwork(host) : 'bridge',
    events: host.eventLogger !== 'none',
  };
}

function rootlessNetwork(host: Info['host']): PodmanHost['network'] {
  function installed(helper: { readonly executable: string } | undefined) {
    return Boolean(helper?.executable);
  }

  const { rootlessNetworkCmd: preferred } = host;
  if (preferred === 'pasta' && installed(host.pasta)) {
    return 'pasta';
  }
  if (preferred === 'slirp4netns' && installed(host.slirp4netns)) {
    return 'slirp4netns';
  }
  if (installed(host.pasta)) {
    return 'pasta';
  }
  return installed(host.slirp4netns) ? 'slirp4netns' : undefined;
}

/** Names of the limits that have no effect on this host; empty when all work. */
function missingLimits(host: PodmanHost): string[] {
  return (['cpu', 'memory', 'pids'] as const).filter((limit) => !host.limits[limit]);
}

/** Why limits do not work here and what would make them work. */
export function limitsReason(host: PodmanHost): string {
  return host.rootless && host.cgroups === 'v1'
    ? 'rootless Podman cannot limit resources on cgroups v1'
    : `the cgroup controllers ${missingLimits(host).join(', ')} are not delegated to Podman`;
}

/** What a user should know about this host although it works. */
export function hostWarnings(host: PodmanHost): string[] {
  return [
    ...(missingLimits(host).length === 0
      ? []
      : [`${limitsReason(host)}: no limit on ${missingLimits(host).join(', ')} takes effect`]),
    ...(host.network === undefined
      ? [
          'neither pasta nor slirp4netns is installed: only sandboxes without a network (network_name = "none") can run',
        ]
      : []),
  ];
}
