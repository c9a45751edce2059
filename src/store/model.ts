import type { JsonObject } from '../compute/sandbox.js';

/** What every stored object has. */
export interface ObjectMeta {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** 0 until a delete was asked for. */
  readonly deletionAtMs: number;
  /** Counts the object's writes, from 1; the store sets it. */
  readonly resourceVersion: number;
}

export interface StoredCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly transitionAtMs: number;
}

/** What the user asked for, in our own words: no generation of the public API shows here. */
export interface StoredSandboxSpec {
  readonly logLevel: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly template: {
    readonly image: string;
    readonly runtimeClassName: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly environment: Readonly<Record<string, string>>;
    readonly resources: JsonObject | undefined;
    readonly userNamespaces: boolean | undefined;
    readonly driverConfig: JsonObject | undefined;
  };
  /** Undefined: no GPU. `count` undefined: the driver's default. */
  readonly gpu: { readonly count: number | undefined } | undefined;
  /** As given; empty stays empty. */
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly restartPolicy: RestartPolicy;
}

/** When the gateway starts a main process again that ended by itself. */
export type RestartPolicy = 'never' | 'on-failure' | 'always';

/** The restarts since the user last started the sandbox. */
export interface Restarts {
  readonly count: number;
  /** Waited before the latest one; 0 before the first. */
  readonly delayMs: number;
  /** When the process that has ended is started again; 0: not at all. */
  readonly nextAtMs: number;
}

/** What the user wants to be so, stored before an engine is asked. */
export type Intent = 'run' | 'stop' | 'delete';

export type SandboxPhase =
  | 'provisioning'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'starting'
  | 'exited'
  | 'failed'
  | 'deleting';

export interface SandboxRecord extends ObjectMeta {
  readonly workspace: string;
  /** The driver's name; it never changes. */
  readonly driver: string;
  readonly spec: StoredSandboxSpec;
  readonly intent: Intent;
  readonly phase: SandboxPhase;
  /** Of the last main process; undefined while it runs and before it ever ran. */
  readonly exitCode: number | undefined;
  /** Why it is `failed`, a CamelCase word; else empty. */
  readonly reason: string;
  readonly message: string;
  /** The engine's name of the resource; empty before it exists. */
  readonly resourceName: string;
  /** The run of the main process that phase and exitCode speak of. */
  readonly instanceId: string;
  readonly conditions: readonly StoredCondition[];
  readonly restarts: Restarts;
  /** Of the latest run of the main process; 0 before the first. */
  readonly startedAtMs: number;
  /** The template that it was created from, as that was then. */
  readonly fromTemplate: { readonly name: string; readonly resourceVersion: number } | undefined;
}

export interface WorkspaceRecord extends ObjectMeta {
  readonly phase: 'active' | 'terminating';
}

/** A workload under a name, to create sandboxes from. */
export interface TemplateRecord extends ObjectMeta {
  readonly workspace: string;
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Quantities such as `500m`; empty: none. */
  readonly cpu: string;
  readonly memory: string;
  readonly gpu: StoredSandboxSpec['gpu'];
  readonly driverConfig: JsonObject | undefined;
}

/** What a request with an id of its own was, and its answer: the same request again gets the same answer. */
export interface StoredRequest {
  /** Whose request it was; ids of different users do not meet. */
  readonly subject: string;
  readonly requestId: string;
  /** Of the method and everything that the request says. */
  readonly fingerprint: string;
  /** JSON. */
  readonly answer: string;
  readonly createdAtMs: number;
}

/** That a sandbox of ours was deleted: what its engine still shows of it may be removed. */
export interface Tombstone {
  readonly sandboxId: string;
  readonly driver: string;
  readonly deletedAtMs: number;
}
