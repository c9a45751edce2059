import type { Writable } from 'node:stream';
import type { DriverSandbox, ObservedSandbox, SandboxRef } from './sandbox.js';

export interface CallOptions {
  /** Cancels the call. A driver that has started something on its engine undoes it or leaves it to `delete`. */
  readonly signal: AbortSignal;
}

export interface DriverCapabilities {
  readonly driverName: string;
  /** The engine's version. */
  readonly driverVersion: string;
  /** Used when template.image is empty; empty when the driver has no default. */
  readonly defaultImage: string;
  /** The gateway restarts idle sandboxes after a reboot of the host. False when the engine does (Kubernetes). */
  readonly gatewayManagesLifecycle: boolean;
  /** Undefined: unknown, as for a driver in its own process, whose protocol does not carry it. */
  readonly resources: ResourceCapabilities | undefined;
}

export interface ResourceCapabilities {
  readonly cpuLimit: boolean;
  readonly memoryLimit: boolean;
  /** A GPU can be requested without a count. */
  readonly gpuDefault: boolean;
  readonly gpuCount: boolean;
}

/** Progress and other events of a sandbox that do not change its state. `metadata` may carry the PROGRESS_* keys. */
export interface PlatformEvent {
  readonly timestampMs: number;
  /** The driver's name. */
  readonly source: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Metadata keys that clients turn into a progress display; steps: requesting_sandbox, pulling_image, starting_sandbox. */
export const PROGRESS = {
  activeStep: 'openshell.progress.active_step',
  activeDetail: 'openshell.progress.active_detail',
  completeStep: 'openshell.progress.complete_step',
  completeLabel: 'openshell.progress.complete_label',
} as const;

/**
 * Reason of the Warning that a driver emits for a command that it could not kill. The gateway counts them in
 * `openshell_driver_exec_left_behind_total`.
 */
export const EXEC_LEFT_BEHIND = 'ExecLeftBehind';

export type DriverEvent =
  /** The sandbox as it is now; also emitted for every sandbox when the watch begins. */
  | { readonly type: 'sandbox'; readonly sandbox: ObservedSandbox }
  /** The snapshot is complete: what was not in it does not exist. Emitted once, after the snapshot. */
  | { readonly type: 'synced' }
  | { readonly type: 'deleted'; readonly id: string }
  | { readonly type: 'platform'; readonly id: string; readonly event: PlatformEvent };

/**
 * One engine that runs sandboxes. Every call concerns the gateway that the driver was created for: resources of another
 * gateway id are neither seen nor touched. Calls throw OpenShellError; DEADLINE_EXCEEDED, UNAVAILABLE and ABORTED mean
 * that the outcome is unknown: the gateway calls `get` and retries until it is known.
 */
export interface ComputeDriver {
  readonly name: string;
  /** Exec and logs; undefined when this driver offers lifecycle only. */
  readonly access: SandboxAccess | undefined;

  capabilities(options: CallOptions): Promise<DriverCapabilities>;

  /** Refuses what `create` could not honour: INVALID_ARGUMENT or FAILED_PRECONDITION. Changes nothing. */
  validateCreate(sandbox: DriverSandbox, options: CallOptions): Promise<void>;

  /**
   * Creates and starts the sandbox; progress is emitted on the watch. Resolves when the engine has started it, or has
   * recorded it and continues in the background. ALREADY_EXISTS when the id exists, UNAVAILABLE when the engine is
   * unreachable: the gateway then retries. A failure leaves nothing behind.
   */
  create(sandbox: DriverSandbox, options: CallOptions): Promise<void>;

  /** Undefined when the engine has no such sandbox of ours. */
  get(ref: SandboxRef, options: CallOptions): Promise<ObservedSandbox | undefined>;

  list(options: CallOptions): Promise<ObservedSandbox[]>;

  /** Stops the main process, gracefully first, and keeps the workspace path. Idempotent. NOT_FOUND when unknown. */
  stop(ref: SandboxRef, options: CallOptions): Promise<void>;

  /** Runs the main process again on the kept workspace path. Idempotent. NOT_FOUND when unknown. */
  start(ref: SandboxRef, options: CallOptions): Promise<void>;

  /** Removes everything that `create` created. False when there was nothing. */
  delete(ref: SandboxRef, options: CallOptions): Promise<boolean>;

  /**
   * A snapshot, `synced`, then every change in order. Throws when the engine's stream breaks: the caller opens a new
   * watch. Ends without an error when the signal aborts.
   */
  watch(options: CallOptions): AsyncIterable<DriverEvent>;

  /** Prepare and remove what a workspace needs on the engine. Only for drivers that need it. */
  ensureWorkspace?(workspace: string, options: CallOptions): Promise<void>;
  deleteWorkspace?(workspace: string, options: CallOptions): Promise<void>;

  /** Closes connections and ends child processes. Sandboxes keep running. */
  close(): Promise<void>;
}

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

export interface ExecSpec {
  /** argv, never passed through a shell. */
  readonly command: readonly string[];
  /** Empty: the sandbox's workspace path. */
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly tty: boolean;
  readonly size: TerminalSize | undefined;
  /** 0: no limit. After it, the process and its children are killed and the exit code is 124. */
  readonly timeoutMs: number;
  /** Whether `stdin` will be written. When false the process reads end of file. */
  readonly stdin: boolean;
}

export interface ExecChunk {
  /** With a TTY everything is stdout. */
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

/** Time from TERM to KILL for a command that is ended early. */
export const EXEC_KILL_GRACE_MS = 2_000;

/** A command running in a sandbox. */
export interface ExecSession {
  /** Ends when the process has exited and everything is read. Slow reading blocks the process. */
  readonly output: AsyncIterable<ExecChunk>;
  /** Respects back-pressure; `end()` sends end of file to the process. Undefined unless the spec requests it. */
  readonly stdin: Writable | undefined;
  /** No effect without a TTY. */
  resize(size: TerminalSize): Promise<void>;
  /** Settles after `output` has ended. Rejects when the exec was cancelled or the engine lost it. */
  readonly exitCode: Promise<number>;
}

export interface LogLine {
  /** The engine's time. */
  readonly timeMs: number;
  readonly stream: 'stdout' | 'stderr';
  /** Split at newlines or after 16 KiB. */
  readonly message: string;
}

export interface LogOptions extends CallOptions {
  readonly follow: boolean;
  /** How many of the latest lines to start with; undefined: all. */
  readonly tail: number | undefined;
  /** Only lines of this time and later; 0: all. */
  readonly sinceMs: number;
}

/** What can be done inside a running sandbox. */
export interface SandboxAccess {
  /**
   * Starts a command. Aborting the signal kills the process and its children, and rejects `exitCode`.
   * NOT_FOUND: no such sandbox. FAILED_PRECONDITION: it does not run, or has no /bin/sh to enforce a timeout with.
   * A command that cannot start because of its program or working directory ends as in a shell, if the engine reports
   * the cause: exit code 127 (no such program) or 126 (not executable, or no such directory), and one line of ours on
   * stderr (see exec-refusal.ts). INVALID_ARGUMENT: it cannot start for another reason that is the caller's, such as an
   * unknown user; if the engine reports that only while the command starts, `exitCode` rejects with it.
   */
  exec(ref: SandboxRef, spec: ExecSpec, options: CallOptions): Promise<ExecSession>;

  /** The main process's output. */
  logs(ref: SandboxRef, options: LogOptions): AsyncIterable<LogLine>;

  /**
   * Connects to a TCP port (1 to 65,535) on the sandbox's own loopback address; only for drivers that can.
   * Aborting the signal closes the connection. NOT_FOUND, FAILED_PRECONDITION: as for exec. UNAVAILABLE: nothing listens.
   */
  connect?(ref: SandboxRef, port: number, options: CallOptions): Promise<PortConnection>;
}

/** A connection to a port inside a sandbox. */
export interface PortConnection {
  /** Bytes from inside, until the end; slow reading applies back-pressure, leaving the loop closes the connection. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Ending it sends end of file to the other side, which may keep sending. */
  readonly input: Writable;
}
