import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type Docker from 'dockerode';
import type { CallOptions, ExecSession, ExecSpec, TerminalSize } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { delay } from '../../kit/deadline.js';
import { type ExecContainer, endProcesses, requireEnd, type StartAside } from '../container/exec-end.js';
import { createExecSession } from '../container/exec-session.js';
import { EXEC_MARK_VARIABLE } from '../container-exec/exec-kill.js';
import type { Engine } from './engine.js';

/** No sequence that somebody types: the engine's default would take Ctrl-P and Ctrl-Q away from programs. */
const DETACH_KEYS = 'ctrl-@,ctrl-_,ctrl-@,ctrl-_,ctrl-@';
/** The engine takes a size only once the process runs, which is a moment after the start's answer. */
const FIRST_SIZE_ATTEMPTS = 40;
const FIRST_SIZE_EVERY_MS = 25;

export interface ExecTarget extends ExecContainer {
  readonly engine: Engine;
}

/**
 * Runs a command as SandboxAccess.exec describes it. The engine says only at the end that a program or working directory
 * does not exist: then it is `exitCode` that rejects with INVALID_ARGUMENT. Codes 126 and 127 are the command's own.
 */
export async function startExec(
  target: ExecTarget,
  spec: ExecSpec,
  { signal }: CallOptions,
): Promise<ExecSession> {
  const { engine, containerId, log } = target;
  const mark = randomUUID();
  // An exec that is made and never started costs the engine nothing.
  const [exec] = await Promise.all([
    createExec(target, spec, mark, signal),
    spec.timeoutMs > 0 ? requireEnd(target) : undefined,
  ]);
  signal.throwIfAborted();
  const socket = await startAttached(engine, exec, spec.tty, spec.stdin);
  function inspect() {
    return engine.call('look at an exec', (abortSignal) => exec.inspect({ abortSignal }));
  }

  async function pid() {
    const { Running, Pid } = await inspect();
    return Running ? Pid : 0;
  }

  const session = createExecSession({
    socket,
    spec,
    signal,
    inspect,
    neverRan: ({ Pid, ExitCode }) => Pid === 0 && ExitCode !== 0,
    end: (why) => endProcesses(target, startAside(target), { mark, pid, why }),
    resize: (size) => resize(engine, exec, size),
    log: log.child({ container: containerId.slice(0, 12), exec: exec.id.slice(0, 12) }),
  });
  if (spec.tty && spec.size !== undefined) {
    await firstSize(engine, exec, spec.size);
  }
  return session;
}

function createExec(
  { engine, containerId }: ExecTarget,
  spec: ExecSpec,
  mark: string,
  signal: AbortSignal,
): Promise<Docker.Exec> {
  return engine.call(
    'exec',
    (abortSignal) =>
      engine.docker.getContainer(containerId).exec({
        Cmd: [...spec.command],
        Env: Object.entries({ ...spec.environment, [EXEC_MARK_VARIABLE]: mark }).map(
          ([name, value]) => `${name}=${value}`,
        ),
        ...(spec.workdir !== '' && { WorkingDir: spec.workdir }),
        Tty: spec.tty,
        // Heeded since Docker 23; `firstSize` is for the engines before.
        ...(spec.size !== undefined && { ConsoleSize: [spec.size.rows, spec.size.cols] }),
        AttachStdin: spec.stdin,
        AttachStdout: true,
        AttachStderr: true,
        DetachKeys: DETACH_KEYS,
        abortSignal,
      }),
    { signal },
  );
}

/** The connection that carries the command's streams. Not cut short: what has started is ended by its mark. */
function startAttached(engine: Engine, exec: Docker.Exec, tty: boolean, stdin: boolean): Promise<Socket> {
  return engine.call('start of an exec', async () => {
    const socket = (await exec.start({ hijack: true, stdin, Tty: tty })) as unknown as Socket;
    // Whoever reads the connection sees its end; an error event without a listener would end the process.
    socket.on('error', () => {});
    return socket;
  });
}

function startAside({ engine, containerId }: ExecTarget): StartAside {
  return async (argv, signal) => {
    const exec = await engine.call(
      'exec',
      (abortSignal) =>
        engine.docker
          .getContainer(containerId)
          .exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true, abortSignal }),
      { signal },
    );
    return startAttached(engine, exec, false, false);
  };
}

async function resize(engine: Engine, exec: Docker.Exec, { cols, rows }: TerminalSize): Promise<void> {
  try {
    await engine.call('resize of a terminal', (abortSignal) =>
      exec.resize({ w: cols, h: rows, abortSignal }),
    );
  } catch (error) {
    // A command that has ended by now has no terminal to resize.
    if (OpenShellError.from(error).code === Code.UNAVAILABLE) {
      throw error;
    }
  }
}

async function firstSize(engine: Engine, exec: Docker.Exec, { cols, rows }: TerminalSize): Promise<void> {
  for (let attempt = 0; attempt < FIRST_SIZE_ATTEMPTS; attempt++) {
    const done = await engine
      .call('size of a terminal', () => exec.resize({ w: cols, h: rows }))
      .then(
        () => true,
        () => false,
      );
    if (done || !(await mayStillStart(engine, exec))) {
      return;
    }
    await delay(FIRST_SIZE_EVERY_MS);
  }
}

async function mayStillStart(engine: Engine, exec: Docker.Exec): Promise<boolean> {
  const { Running, ExitCode } = await engine.call('look at an exec', () => exec.inspect());
  return Running || ExitCode === null;
}
