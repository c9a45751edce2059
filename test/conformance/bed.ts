import type { ComputeDriver } from '../../dist/compute/driver.js';
import type { Json, JsonObject } from '../../dist/compute/sandbox.js';

/** What an engine may be unable to do. A bed that lacks one names the reason, and its tests are skipped with it. */
export type Capability =
  | 'tty'
  | 'logs'
  /** Stdout and stderr of the main process are told apart in the logs. */
  | 'logStreams'
  /** A sandbox runs as the image's user, root included. */
  | 'rootImage'
  | 'nonRootImage'
  | 'noShellImage'
  | 'readOnlyRoot'
  | 'cpuLimit'
  | 'memoryLimit'
  /** A process over the memory limit is killed, and its exit says so. */
  | 'oom'
  | 'pidsLimit'
  /** No capabilities, no-new-privileges and a seccomp filter, as a process sees them in /proc/self/status. */
  | 'hardening'
  /** Objects that are not ours can be made on the engine. */
  | 'foreign'
  /** A sandbox's stop lets the main process end by itself, and its exit code is seen. */
  | 'exitCodeAfterStop'
  /** Every label of the template stands on the engine's object. */
  | 'templateLabels'
  /** A command ends although the sandbox's own shell does not help; else what is left behind is told. */
  | 'endsWithoutShell'
  /** What a sandbox may write is limited: `diskMib`. */
  | 'diskLimit'
  /** Neither the host nor another sandbox can be reached over the network. */
  | 'isolatedNetwork';

export interface EngineObject {
  /** What it is called on the engine. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ForeignObject {
  exists(): Promise<boolean>;
  remove(): Promise<void>;
}

/** One engine, as the conformance suite sees it: how to make its driver, and a raw view to check the driver against. */
export interface Bed {
  /** As OPENSHELL_REQUIRE_ENGINES calls it, e.g. `docker` or `podman-rootless`. */
  readonly name: string;
  /** Undefined when the engine can be used; otherwise one sentence that says why not. Brings nothing up. */
  unavailable(): Promise<string | undefined>;

  /** A driver for this gateway id. `settings` are keys of the driver's table; the rest is default. The suite closes it. */
  createDriver(gatewayId: string, settings?: Readonly<Record<string, unknown>>): Promise<ComputeDriver>;

  readonly images: {
    /** A busybox that runs as root: sh, sleep, cat, id, env, stat, wc, head, dd, yes, setsid, ps. */
    readonly shell: string;
    /** The same with USER 1000. Needed unless `nonRootImage` is lacking. */
    readonly nonRoot?: string;
    /** The same without any /bin/sh. Needed unless `noShellImage` is lacking. */
    readonly noShell?: string;
    /** One whose user may replace its /bin/sh. Default: `shell`. */
    readonly open?: string;
  };

  /** What this engine cannot do, with the reason. */
  readonly lacks: Partial<Record<Capability, string>>;

  /** The driver's own configuration of a sandbox whose root is read-only. Needed unless `readOnlyRoot` is lacking. */
  readonly readOnlyRootConfig?: JsonObject;

  /** Template labels and the like that the driver cannot take; default: none. */
  readonly platformConfig?: Record<string, Json>;

  /** How long a step may take before it counts as stuck. Default 30,000 ms. */
  readonly patienceMs?: number;

  /** Whether a pids limit can be set per driver, and how: the settings that make it 32. Needed unless lacking. */
  readonly pidsLimit32Settings?: Readonly<Record<string, unknown>>;

  /** How much a sandbox may write. Needed unless `diskLimit` is lacking. */
  readonly diskMib?: number;

  /** The processes that run a driver of this gateway. Default: this one. */
  processes?(gatewayId: string): Promise<number[]>;

  /** Everything on the engine that carries this gateway id: containers, Pods, volumes, disks; not shared networks. */
  objects(gatewayId: string): Promise<EngineObject[]>;

  /** Makes something on the engine that is not ours but looks alike. Needed unless `foreign` is lacking. */
  createForeign?(): Promise<ForeignObject>;

  /** Removes everything of this gateway id, whatever state it is in. Also called after failures. */
  cleanup(gatewayId: string): Promise<void>;
}
