import type { Socket } from 'node:net';
import type { CallOptions, LogLine, LogOptions, TerminalSize } from '../../compute/driver.js';
import type { OpenShellError } from '../../compute/errors.js';
import type { DriverSandbox, SandboxRef } from '../../compute/sandbox.js';
import type { ExecState } from './exec-session.js';

/**
 * An engine that runs containers for one gateway, in the terms that Docker and Podman share; `createContainerDriver`
 * makes a compute driver of it. Calls throw OpenShellError. What is listed, watched and removed is this gateway's alone:
 * every filter has its id.
 */
export interface ContainerEngine<Plan extends ContainerPlan, Image extends ImageInfo> {
  /** The driver's name, e.g. `podman`. */
  readonly name: string;
  /** For messages, e.g. `Podman`. */
  readonly title: string;

  /** What `create` will make. Throws what speaks against it; asks no engine. */
  plan(sandbox: DriverSandbox): Plan;
  /** Refuses what this engine cannot do, such as to mount a volume that does not exist. */
  check(plan: Plan, options: CallOptions): Promise<void>;
  /** What must exist before the container, such as its network. Runs beside the checks. */
  prepare(plan: Plan, options: CallOptions): Promise<void>;
  /** Undoes `prepare` alone: everything else under this id is another call's. */
  undoPrepare(plan: Plan, options: CallOptions): Promise<void>;
  /** The id of the new container. ALREADY_EXISTS when its name is taken. Its outcome is known even if the signal aborts. */
  createContainer(plan: Plan, options: CallOptions): Promise<string>;
  /** Before the first start: makes the workspace path belong to the container's user. */
  prepareWorkspace(containerId: string, image: Image, plan: Plan, options: CallOptions): Promise<void>;
  /** Idempotent, as `stop` is. */
  start(containerId: string, ref: SandboxRef, options: CallOptions): Promise<void>;
  stop(containerId: string, ref: SandboxRef, options: CallOptions): Promise<void>;
  /** Removes everything that a sandbox has. `containerId`: its container, when known. False when there was nothing. */
  remove(ref: SandboxRef, containerId: string | undefined, options: CallOptions): Promise<boolean>;

  /** The sandboxes' containers, or those of one sandbox. */
  list(sandboxId: string | undefined, options: CallOptions): Promise<ContainerSummary[]>;
  /** Undefined when it is gone. */
  inspect(containerId: string, options: CallOptions): Promise<ContainerInfo | undefined>;
  /** The state in the terms of `ContainerSummary.state`. */
  stateOf(container: ContainerInfo): string;
  /**
   * Resolves when no event is missed any more. The iteration returns or throws when the connection is lost, and yields
   * undefined last when the engine ended the stream with an error of its own: then it is opened again.
   */
  events(options: CallOptions): Promise<AsyncIterable<EngineEvent | undefined>>;

  readonly images: ImageApi<Image>;
  readonly execs: ExecApi;
  hasShell(containerId: string): Promise<boolean>;
  /** The main process's lines. Ends with the process, or without an error when the signal aborts. */
  logs(container: ContainerInfo, options: LogOptions): AsyncIterable<LogLine>;
  /** Releases connections. */
  close(): void;
}

export interface ContainerPlan {
  readonly image: string;
  /** Images that are mounted. */
  readonly otherImages: readonly string[];
}

/** A container as `inspect` of either engine shows it. */
export interface ContainerInfo {
  readonly Id: string;
  readonly Name: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null; readonly Tty: boolean };
  readonly State: {
    /** E.g. created, running, paused, exited, removing. */
    readonly Status: string;
    /** On the engine's host; 0 when it does not run. */
    readonly Pid: number;
    readonly OOMKilled: boolean;
    readonly ExitCode: number;
    readonly Error: string;
    /** RFC 3339; the year 1 when it has never been started. */
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
}

export interface ContainerSummary {
  readonly Id: string;
  readonly sandboxId: string;
  /** All that a list shows of the state, e.g. `running` or `exited 137`. */
  readonly state: string;
}

export interface EngineEvent {
  /** `started`: no news of a container that was seen running since its last end. `look`: its state may have changed. */
  readonly type: 'started' | 'look';
  readonly containerId: string;
  readonly sandboxId: string;
}

export interface ImageInfo {
  readonly Id: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface ImageApi<Image extends ImageInfo> {
  /** Undefined when the engine does not have it. */
  inspect(reference: string, options: CallOptions): Promise<Image | undefined>;
  /** What it does at the moment, for people. Throws the engine's reason when it fails. */
  pull(reference: string, policy: string, options: CallOptions): AsyncIterable<string>;
}

/** What is started in a container beside its main process. */
export interface ExecCommand {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Empty: the container's own. */
  readonly workdir: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly size: TerminalSize | undefined;
}

export interface ExecApi {
  /** Its id. One that is made and never started costs nothing. */
  create(containerId: string, command: ExecCommand, options: CallOptions): Promise<string>;
  /** Starts it; the connection carries its streams. */
  attach(execId: string, command: ExecCommand, options: CallOptions): Promise<Socket>;
  inspect(execId: string): Promise<ExecState>;
  resize(execId: string, size: TerminalSize): Promise<void>;
  /** Whether a command that is over was never started. `refused`: the output looks like the engine's own message. */
  neverRan(state: ExecState, refused: boolean): boolean;
  /** Whether it says that the container does not run. */
  isNotRunning(error: OpenShellError): boolean;
}
