import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { CallOptions, ExecSession, ExecSpec, TerminalSize } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { deadline } from '../../kit/deadline.js';
import { type ExecContainer, endProcesses, requireEnd, type StartAside } from '../container/exec-end.js';
import { createExecSession } from '../container/exec-session.js';
import { EXEC_MARK_VARIABLE } from '../container-exec/exec-kill.js';
import type { PodmanClient } from './api/client.js';

/** What a terminal measures when nobody says. */
const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
/** What Podman gives an exec whose command its runtime could not start. */
const NOT_STARTED_EXIT_CODES = new Set([125, 126, 127]);
/** For a word of the engine about an exec that runs, when the caller's own signal no longer counts. */
const LOOK_TIMEOUT_MS = 10_000;

export interface ExecTarget extends ExecContainer {
  readonly client: PodmanClient;
  readonly workspacePath: string;
}

/** Runs a command as SandboxAccess.exec describes it; a program that does not exist is refused by `exitCode`. */
export async function startExecSession(
  target: ExecTarget,
  spec: ExecSpec,
  { signal }: CallOptions,
): Promise<ExecSession> {
  const { client, containerId, log } = target;
  const mark = randomUUID();
  // An exec that is made and never started costs the engine nothing.
  const [execId] = await Promise.all([
    createExec(target, spec, mark, signal),
    spec.timeoutMs > 0 ? requireEnd(target) : undefined,
  ]);
  const socket = await startAttached(client, execId, spec, signal);
  function inspect() {
    return client.inspectExec(execId, { signal: deadline(LOOK_TIMEOUT_MS) });
  }

  async function pid() {
    const { Running, Pid } = await inspect();
    return Running ? Pid : 0;
  }

  return createExecSession({
    socket,
    spec,
    signal,
    inspect,
    // Podman forgets the process number of a command that is over, so its own word must stand in the output.
    neverRan: ({ ExitCode }, refused) => refused && NOT_STARTED_EXIT_CODES.has(ExitCode ?? 0),
    end: (why) => endProcesses(target, startAside(target), { mark, pid, why }),
    resize: ({ rows, cols }) => resize(client, execId, rows, cols),
    log: log.child({ container: containerId.slice(0, 12), exec: execId.slice(0, 12) }),
  });
}

function createExec(
  { client, containerId, workspacePath }: ExecTarget,
  spec: ExecSpec,
  mark: string,
  signal: AbortSignal,
): Promise<string> {
  return client.createExec(
    containerId,
    {
      Cmd: spec.command,
      Env: Object.entries({ ...spec.environment, [EXEC_MARK_VARIABLE]: mark }).map(
        ([name, value]) => `${name}=${value}`,
      ),
      WorkingDir: spec.workdir || workspacePath,
      Tty: spec.tty,
      AttachStdin: spec.stdin,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: '',
    },
    { signal },
  );
}

/** The connection that carries the command's streams. */
async function startAttached(
  client: PodmanClient,
  execId: string,
  { tty, size = DEFAULT_SIZE }: Pick<ExecSpec, 'tty' | 'size'>,
  signal: AbortSignal,
): Promise<Socket> {
  const { socket, head } = await client.startExec(execId, { tty, ...size }, { signal });
  // Whoever reads the connection sees its end; an error event without a listener would end the process.
  socket.on('error', () => {});
  if (head.length > 0) {
    socket.unshift(head);
  }
  return socket;
}

function startAside({ client, containerId }: ExecTarget): StartAside {
  return async (argv, signal) => {
    const asked = {
      Cmd: argv,
      Env: [],
      Tty: false,
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
    };
    const execId = await client.createExec(containerId, { ...asked, DetachKeys: '' }, { signal });
    return startAttached(client, execId, { tty: false, size: undefined }, signal);
  };
}

async function resize(client: PodmanClient, execId: string, rows: number, cols: number): Promise<void> {
  try {
    await client.resizeExec(execId, rows, cols, { signal: deadline(LOOK_TIMEOUT_MS) });
  } catch (error) {
    // A command that has ended by now has no terminal to resize.
    if (OpenShellError.from(error).code === Code.UNAVAILABLE) {
      throw error;
    }
  }
}
