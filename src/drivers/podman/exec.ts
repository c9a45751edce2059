import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { delay } from '../../compute/deadline.js';
import type { CallOptions, ExecChunk, ExecSession, ExecSpec, TerminalSize } from '../../compute/driver.js';
import { Code, failedPrecondition, OpenShellError, unavailable } from '../../compute/errors.js';
import { EXEC_KILL_GRACE_MS, EXEC_MARK_VARIABLE, execKillCommand } from '../../compute/exec-kill.js';
import type { Logger } from '../../compute/log.js';
import type { PodmanClient } from './api/client.js';
import type { ExecState } from './api/types.js';
import { createExecStart, type OutputSource } from './exec-start.js';
import { demultiplex } from './frames.js';

/** What a terminal measures when nobody says. */
const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
const TIMEOUT_EXIT_CODE = 124;
/** From the end of the output to the engine's knowing the exit code. */
const EXIT_CODE_TIMEOUT_MS = 10_000;
const EXIT_CODE_POLL_MS = 10;
/** For the second exec that ends the first, and for the output's end after it. */
const KILL_TIMEOUT_MS = 10_000;

export interface ExecTarget {
  readonly client: PodmanClient;
  readonly containerId: string;
  readonly workspacePath: string;
  /** Whether the container has a /bin/sh, without which nothing can be ended. */
  readonly hasShell: () => Promise<boolean>;
  readonly log: Logger;
}

/** Runs a command as SandboxAccess.exec describes it. */
export const startExecSession = async (
  target: ExecTarget,
  spec: ExecSpec,
  { signal }: CallOptions,
): Promise<ExecSession> => {
  const { client, containerId, log } = target;
  if (spec.timeoutMs > 0 && !(await target.hasShell())) {
    throw failedPrecondition('a timeout needs a /bin/sh in the image, and this one has none', {
      field: 'timeout_seconds',
      hint: 'run the command without a timeout, or use an image with a shell',
    });
  }
  const mark = randomUUID();
  const environment = { ...spec.environment, [EXEC_MARK_VARIABLE]: mark };
  const size = spec.size ?? DEFAULT_SIZE;
  const execId = await client.createExec(
    containerId,
    {
      Cmd: spec.command,
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      WorkingDir: spec.workdir || target.workspacePath,
      Tty: spec.tty,
      AttachStdin: spec.stdin,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: '',
    },
    { signal },
  );
  const { socket, head } = await client.startExec(execId, { tty: spec.tty, ...size }, { signal });
  // The connection's end is seen by whoever reads it; an error event that nobody listens to would end the process.
  socket.on('error', () => {});
  if (head.length > 0) socket.unshift(head);

  const settled = new AbortController();
  let timedOut = false;
  const end = async (why: string): Promise<void> => {
    try {
      await killExec(target, mark);
    } catch (error) {
      if (!settled.signal.aborted) {
        log.warn('an exec was left behind', { exec: execId, why, error: OpenShellError.from(error).message });
      }
    } finally {
      socket.destroy();
    }
  };
  const onAbort = () => void end('its client went away');
  const timer =
    spec.timeoutMs > 0
      ? setTimeout(() => {
          timedOut = true;
          void end('it took too long');
        }, spec.timeoutMs)
      : undefined;
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const settle = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    settled.abort();
  };

  const exit = createExit();
  const finish = async (): Promise<number> => {
    if (timedOut) return TIMEOUT_EXIT_CODE;
    if (signal.aborted) throw OpenShellError.from(signal.reason);
    return (await ended(client, execId)).ExitCode;
  };

  async function* output(source: OutputSource): AsyncGenerator<ExecChunk> {
    try {
      yield* source;
    } catch (cause) {
      if (!timedOut && !signal.aborted && !isDisconnect(cause)) {
        const error = OpenShellError.from(cause);
        exit.reject(error);
        throw error;
      }
    } finally {
      await finish().then(exit.resolve, exit.reject);
      settle();
    }
  }

  try {
    const chunks = spec.tty ? rawOutput(socket) : demultiplex(socket);
    const source = await createExecStart({ client, execId, chunks, command: spec.command, signal });
    return {
      output: output(source),
      stdin: spec.stdin ? stdinOf(socket) : undefined,
      resize: ({ rows, cols }) => resize(client, execId, rows, cols),
      exitCode: exit.promise,
    };
  } catch (error) {
    settle();
    socket.destroy();
    throw error;
  }
};

const createExit = () => {
  let resolve!: (code: number) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<number>((onCode, onError) => {
    resolve = onCode;
    reject = onError;
  });
  // Whoever reads the output alone has no interest in the code.
  promise.catch(() => {});
  return { promise, resolve, reject };
};

async function* rawOutput(socket: Socket): AsyncGenerator<ExecChunk> {
  for await (const data of socket as AsyncIterable<Buffer>) yield { stream: 'stdout', data };
}

/** The engine's socket closed under us: whether the command has ended is for the engine to say. */
const isDisconnect = (cause: unknown): boolean =>
  ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((cause as NodeJS.ErrnoException).code ?? '');

const ended = async (client: PodmanClient, execId: string): Promise<ExecState> => {
  const signal = AbortSignal.timeout(EXIT_CODE_TIMEOUT_MS);
  try {
    for (;;) {
      const state = await client.inspectExec(execId, { signal });
      if (!state.Running) return state;
      await delay(EXIT_CODE_POLL_MS, signal);
    }
  } catch (error) {
    const fault = OpenShellError.from(error);
    if (fault.code === Code.UNAVAILABLE) throw fault;
    throw unavailable('Podman lost the exec before it told its exit code', { cause: error });
  }
};

/** TERM to all that carry the mark, and KILL after the grace: the command's end is not the end of its children. */
const killExec = async (target: ExecTarget, mark: string): Promise<void> => {
  if (!(await target.hasShell())) throw failedPrecondition('the image has no /bin/sh to end it with');
  await runKill(target, mark, 'TERM');
  await delay(EXEC_KILL_GRACE_MS);
  await runKill(target, mark, 'KILL');
};

const runKill = async (
  { client, containerId }: ExecTarget,
  mark: string,
  name: 'TERM' | 'KILL',
): Promise<void> => {
  const signal = AbortSignal.timeout(KILL_TIMEOUT_MS);
  const execId = await client.createExec(
    containerId,
    {
      Cmd: execKillCommand(mark, name),
      Env: [],
      Tty: false,
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: '',
    },
    { signal },
  );
  const { socket } = await client.startExec(execId, { tty: false, ...DEFAULT_SIZE }, { signal });
  socket.on('error', () => {});
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  for await (const _ of socket);
};

/** Passes the engine's back-pressure on; its end is the process's end of file. */
const stdinOf = (socket: Socket): Writable =>
  new Writable({
    write: (chunk, _encoding, done) => {
      // A process that has stopped reading is no error of the writer.
      if (socket.writable) socket.write(chunk, () => done());
      else done();
    },
    final: (done) => {
      if (socket.writable) socket.end(() => done());
      else done();
    },
  });

const resize = async (client: PodmanClient, execId: string, rows: number, cols: number): Promise<void> => {
  try {
    await client.resizeExec(execId, rows, cols, { signal: AbortSignal.timeout(KILL_TIMEOUT_MS) });
  } catch (error) {
    const { code } = OpenShellError.from(error);
    // A command that has ended by now has no terminal to resize.
    if (code === Code.UNAVAILABLE) throw error;
  }
};
