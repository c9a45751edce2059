import type { JsonObject } from '../compute/sandbox.js';

/** What every stored object has. */
export interface ObjectMeta {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** 0 until a delete was requested. */
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

/** What the user requested, independent of the generations of the public API. */
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

/** When the gateway restarts a main process that ended by itself. */
export type RestartPolicy = 'never' | 'on-failure' | 'always';

/** The restarts since the user last started the sandbox. */
export interface Restarts {
  readonly count: number;
  /** Waited before the latest one; 0 before the first. */
  readonly delayMs: number;
  /** When the ended process is restarted; 0: never. */
  readonly nextAtMs: number;
}

/** The state that the user wants, stored before an engine is called. */
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
  /** Of the last main process; undefined while it runs and before its first run. */
  readonly exitCode: number | undefined;
  /** Why it is `failed`, a CamelCase word; otherwise empty. */
  readonly reason: string;
  readonly message: string;
  /** The engine's name for the resource; empty before it exists. */
  readonly resourceName: string;
  /** The run of the main process that phase and exitCode refer to. */
  readonly instanceId: string;
  readonly conditions: readonly StoredCondition[];
  readonly restarts: Restarts;
  /** Of the latest run of the main process; 0 before the first. */
  readonly startedAtMs: number;
  /** The template that it was created from, at that version. */
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

/** A request with an id, and its response: repeating the request returns the same response. */
export interface StoredRequest {
  /** The user; request ids are unique per user. */
  readonly subject: string;
  readonly requestId: string;
  /** Digest of the method and the whole request. */
  readonly fingerprint: string;
  /** JSON. */
  readonly answer: string;
  readonly createdAtMs: number;
}

/** Records that a sandbox of ours was deleted: what its engine still has of it may be removed. */
export interface Tombstone {
  readonly sandboxId: string;
  readonly driver: string;
  readonly deletedAtMs: number;
}
