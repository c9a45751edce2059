import type { Writable } from 'node:stream';
import type { DriverSandbox, ObservedSandbox, SandboxRef } from './sandbox.js';

export interface CallOptions {
  /** Ends the wait. A driver that has begun something on its engine undoes it or leaves it for `delete`. */
  readonly signal: AbortSignal;
}

export interface DriverCapabilities {
  readonly driverName: string;
  /** The engine's version. */
  readonly driverVersion: string;
  /** Fills an empty template.image; empty when the driver has none. */
  readonly defaultImage: string;
  /** After a restart of the host the gateway starts idle sandboxes again. False when the engine does (Kubernetes). */
  readonly gatewayManagesLifecycle: boolean;
  /** Undefined: not known, as of a driver in a process of its own, whose protocol has no word for it. */
  readonly resources: ResourceCapabilities | undefined;
}

export interface ResourceCapabilities {
  readonly cpuLimit: boolean;
  readonly memoryLimit: boolean;
  /** A GPU without a count can be asked for. */
  readonly gpuDefault: boolean;
  readonly gpuCount: boolean;
}

/** Progress and other news about a sandbox that change no state. `metadata` may carry the PROGRESS_* keys. */
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
 * Reason of the Warning that a driver sends for a command that was to end and could not be ended. The gateway counts them
 * in `openshell_driver_exec_left_behind_total`.
 */
export const EXEC_LEFT_BEHIND = 'ExecLeftBehind';

export type DriverEvent =
  /** The sandbox as it is now; also sent for every sandbox when the watch begins. */
  | { readonly type: 'sandbox'; readonly sandbox: ObservedSandbox }
  /** The snapshot is whole: what was not in it does not exist. Sent once, after the snapshot. */
  | { readonly type: 'synced' }
  | { readonly type: 'deleted'; readonly id: string }
  | { readonly type: 'platform'; readonly id: string; readonly event: PlatformEvent };

/**
 * One engine that runs sandboxes. Every call is about the gateway that the driver was made for: resources of another
 * gateway id are neither seen nor touched. Calls throw OpenShellError; DEADLINE_EXCEEDED, UNAVAILABLE and ABORTED say
 * that the outcome is not known: the gateway asks `get` and calls again until it is.
 */
export interface ComputeDriver {
  readonly name: string;
  /** Exec and logs; undefined when this driver offers lifecycle only. */
  readonly access: SandboxAccess | undefined;

  capabilities(options: CallOptions): Promise<DriverCapabilities>;

  /** Refuses what `create` could not honour: INVALID_ARGUMENT or FAILED_PRECONDITION. Changes nothing. */
  validateCreate(sandbox: DriverSandbox, options: CallOptions): Promise<void>;

  /**
   * Makes and starts the sandbox; progress comes on the watch. Resolves when the engine has started it, or has
   * recorded it and goes on in the background. ALREADY_EXISTS when the id exists, UNAVAILABLE when the engine is away:
   * then it is tried again. A failure leaves nothing behind.
   */
  create(sandbox: DriverSandbox, options: CallOptions): Promise<void>;

  /** Undefined when the engine has no such sandbox of ours. */
  get(ref: SandboxRef, options: CallOptions): Promise<ObservedSandbox | undefined>;

  list(options: CallOptions): Promise<ObservedSandbox[]>;

  /** Ends the main process, gently first, and keeps the workspace path. Idempotent. NOT_FOUND when unknown. */
  stop(ref: SandboxRef, options: CallOptions): Promise<void>;

  /** Runs the main process again on the kept workspace path. Idempotent. NOT_FOUND when unknown. */
  start(ref: SandboxRef, options: CallOptions): Promise<void>;

  /** Removes all that `create` made. False when there was nothing. */
  delete(ref: SandboxRef, options: CallOptions): Promise<boolean>;

  /**
   * A snapshot, `synced`, then every change in order. Throws when the engine's stream breaks: the caller opens a new
   * watch. Ends without an error when the signal aborts.
   */
  watch(options: CallOptions): AsyncIterable<DriverEvent>;

  /** Prepares and removes what a workspace needs on the engine. Left out by drivers without such a thing. */
  ensureWorkspace?(workspace: string, options: CallOptions): Promise<void>;
  deleteWorkspace?(workspace: string, options: CallOptions): Promise<void>;

  /** Lets go of connections and child processes. Sandboxes keep running. */
  close(): Promise<void>;
}

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

export interface ExecSpec {
  /** argv, never put through a shell. */
  readonly command: readonly string[];
  /** Empty: the sandbox's workspace path. */
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly tty: boolean;
  readonly size: TerminalSize | undefined;
  /** 0: no limit. When it passes, the process and its children are ended and the exit code is 124. */
  readonly timeoutMs: number;
  /** Whether `stdin` will be written. When false the process reads end of file. */
  readonly stdin: boolean;
}

export interface ExecChunk {
  /** With a TTY everything is stdout. */
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

/** From TERM to KILL for a command that is ended before its time. */
export const EXEC_KILL_GRACE_MS = 2_000;

/** A command running in a sandbox. */
export interface ExecSession {
  /** Ends when the process has ended and all is read. Reading slowly holds the process back. */
  readonly output: AsyncIterable<ExecChunk>;
  /** Respects back-pressure; `end()` gives the process end of file. Undefined unless the spec asked for it. */
  readonly stdin: Writable | undefined;
  /** No effect without a TTY. */
  resize(size: TerminalSize): Promise<void>;
  /** Settles after `output` has ended. Rejects when the exec was cancelled or its engine lost it. */
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
  /** How many of the latest lines to begin with; undefined: all. */
  readonly tail: number | undefined;
  /** Only lines of this time and later; 0: all. */
  readonly sinceMs: number;
}

/** What can be done inside a running sandbox. */
export interface SandboxAccess {
  /**
   * Starts a command. Aborting the signal ends the process and its children, and rejects `exitCode`.
   * NOT_FOUND: no such sandbox. FAILED_PRECONDITION: it does not run, or has no /bin/sh to enforce a timeout with.
   * A command that does not start because of its program or working directory ends as a shell would end it, where the
   * engine tells so: exit code 127 (no such program) or 126 (not executable, or no such directory), and one line of ours
   * on stderr (see exec-refusal.ts). INVALID_ARGUMENT: it does not start for another reason that is the caller's, such as
   * an unknown user; an engine that finds out only while the command starts lets `exitCode` reject with it.
   */
  exec(ref: SandboxRef, spec: ExecSpec, options: CallOptions): Promise<ExecSession>;

  /** The main process's output. */
  logs(ref: SandboxRef, options: LogOptions): AsyncIterable<LogLine>;

  /**
   * Connects to a TCP port (1 to 65,535) on the sandbox's own loopback address; drivers that cannot have no such method.
   * Aborting the signal ends the connection. NOT_FOUND, FAILED_PRECONDITION: as for exec. UNAVAILABLE: nothing listens.
   */
  connect?(ref: SandboxRef, port: number, options: CallOptions): Promise<PortConnection>;
}

/** A connection to a port inside a sandbox. */
export interface PortConnection {
  /** What comes from inside, until all has come; reading slowly holds it back, leaving the loop ends the connection. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Its end tells the other side that no more comes; what it sends goes on. */
  readonly input: Writable;
}
