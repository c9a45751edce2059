/** The parts of Podman's API that are used here, named as Podman names them. Versions 4.3 to 5.x. */

export interface IdMapping {
  readonly container_id: number;
  readonly host_id: number;
  readonly size: number;
}

export interface Info {
  readonly host: {
    readonly cpus: number;
    readonly memTotal: number;
    readonly cgroupVersion: string;
    readonly cgroupControllers: readonly string[] | null;
    readonly eventLogger: string;
    readonly networkBackend: string;
    readonly slirp4netns?: { readonly executable: string };
    readonly pasta?: { readonly executable: string };
    /** What a rootless container gets when it asks for nothing; since Podman 5. */
    readonly rootlessNetworkCmd?: string;
    readonly security: { readonly rootless: boolean; readonly seccompEnabled: boolean };
  };
  readonly store: {
    readonly graphDriverName: string;
    readonly graphRoot: string;
    readonly graphStatus: Readonly<Record<string, string>> | null;
  };
  readonly version: { readonly Version: string; readonly APIVersion: string };
}

export interface ContainerSpec {
  name: string;
  image: string;
  entrypoint: string[];
  command: string[];
  env: Record<string, string>;
  labels: Record<string, string>;
  hostname: string;
  work_dir: string;
  create_working_dir: boolean;
  terminal: boolean;
  stdin: boolean;
  init: boolean;
  cap_drop: string[];
  no_new_privileges: boolean;
  read_only_filesystem: boolean;
  restart_policy: 'no';
  stop_timeout: number;
  log_configuration: { driver: string; size: number };
  resource_limits?: {
    cpu?: { quota: number; period: number };
    memory?: { limit: number; swap: number };
    pids?: { limit: number };
  };
  /** Podman fills in what is not named with the most that there is. */
  r_limits?: { type: string; hard: number; soft: number }[];
  storage_opts?: Record<string, string>;
  netns: { nsmode: string };
  networks?: Record<string, object>;
  userns?: { nsmode: string; value?: string };
  idmappings?: {
    UIDMap?: IdMapping[];
    GIDMap?: IdMapping[];
    HostUIDMapping?: boolean;
    HostGIDMapping?: boolean;
    AutoUserNs?: boolean;
    AutoUserNsOpts?: { Size: number };
  };
  mounts?: { type: string; source?: string; destination: string; options: string[] }[];
  volumes?: { Name: string; Dest: string; Options: string[] }[];
  image_volumes?: { Source: string; Destination: string; ReadWrite: boolean }[];
  secrets?: { Source: string; Target: string; UID: number; GID: number; Mode: number }[];
  secret_env?: Record<string, string>;
  devices?: { path: string }[];
}

export interface ContainerSummary {
  readonly Id: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly State: string;
  readonly ExitCode: number;
  /** Seconds; that of the year 1 when it has never been started. */
  readonly StartedAt: number;
}

export interface PullReport {
  readonly stream?: string;
  readonly error?: string;
  readonly id?: string;
}

export interface ExecSpecification {
  readonly Cmd: readonly string[];
  readonly Env: readonly string[];
  readonly WorkingDir?: string;
  readonly Tty: boolean;
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  /** Empty: no key sequence leaves the session. */
  readonly DetachKeys: '';
}

/** A volume, a secret or a network: what is needed of it is the same. */
export interface Named {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface PodmanEvent {
  /** E.g. `start`. */
  readonly Action?: string;
  /** Undefined in the engine's own error that ends a stream of events. */
  readonly Actor?: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> | null };
}

/** Filters as Podman takes them: every key must match, by any of its values. */
export type Filters = Readonly<Record<string, readonly string[]>>;
