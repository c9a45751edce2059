import type { Condition } from './conditions.js';

/** JSON in a driver's own configuration of one sandbox. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Identifies a sandbox to a driver: `id` decides, name and workspace are for people. */
export interface SandboxRef {
  readonly id: string;
  readonly name: string;
  readonly workspace: string;
}

/** Limits and requests as Kubernetes quantities ("500m", "2", "512Mi"); empty means not requested. */
export interface SandboxResources {
  readonly cpuRequest: string;
  readonly cpuLimit: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
}

export interface GpuRequirements {
  /** How many; undefined requests the driver's default selection. */
  readonly count: number | undefined;
}

export interface SandboxTemplate {
  /** Never empty when a driver sees it. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly resources: SandboxResources;
  /** Template fields that only some drivers support: annotations, runtime_class_name, host_users, resources_raw. */
  readonly platformConfig: JsonObject;
  /** `driver_config[<driver name>]` of the public template. */
  readonly driverConfig: JsonObject;
}

/** What a driver is asked to run. */
export interface SandboxSpec {
  /** For software that a driver may put into its sandboxes; ours put none there that logs. Empty: the driver's choice. */
  readonly logLevel: string;
  /** Wins over the template's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly template: SandboxTemplate;
  readonly gpu: GpuRequirements | undefined;
  /** Replaces the image's entrypoint and command; empty: the driver idles, see IDLE_COMMAND. */
  readonly command: readonly string[];
  readonly tty: boolean;
}

/** A sandbox to create: `namespace` is the operator's sandbox_namespace. */
export interface DriverSandbox extends SandboxRef {
  readonly namespace: string;
  readonly spec: SandboxSpec;
}

/** A sandbox as its engine reports it. */
export interface ObservedSandbox extends SandboxRef {
  readonly namespace: string;
  readonly status: DriverStatus;
}

export interface DriverStatus {
  /** The engine's name for the resource, e.g. a container or Pod name. */
  readonly resourceName: string;
  /** Identifies one run of the main process; each start has its own. Empty before the first start. */
  readonly instanceId: string;
  readonly conditions: readonly Condition[];
  /** The engine is removing the resource. */
  readonly deleting: boolean;
}

/** Idles until terminated and then exits at once with 0 (measured: 0.1 s). Needs only /bin/sh. */
export const IDLE_COMMAND: readonly string[] = [
  '/bin/sh',
  '-c',
  'trap "exit 0" TERM INT; while :; do sleep 2147483 & wait $!; done',
];

/** Where a sandbox's files live across stop and start, unless its driver is configured otherwise. */
export const DEFAULT_WORKSPACE_PATH = '/sandbox';
