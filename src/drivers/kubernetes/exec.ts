import { randomUUID } from 'node:crypto';
import type { ExecSession, ExecSpec, TerminalSize } from '../../compute/driver.js';
import { Code, failedPrecondition, invalidArgument, OpenShellError } from '../../compute/errors.js';
import { type ExecRefusal, ExecRefused, refusedExec, refusedSession } from '../../compute/exec-refusal.js';
import type { Logger } from '../../compute/log.js';
import { delay } from '../../kit/deadline.js';
import { createDeferred } from '../../kit/deferred.js';
import { createStartReportReader, execCommand, type StartReport } from './exec-command.js';
import { endExec, lacksShell } from './exec-end.js';
import { createExecOutput } from './exec-output.js';
import { CHANNEL, EXEC_LOST, type ExecSocket, exitCodeOf, openExec } from './exec-socket.js';
import { createExecStdin } from './exec-stdin.js';
import { CONTAINER, type Place } from './names.js';
import type { Rest } from './rest.js';

export interface ExecOptions {
  readonly rest: Rest;
  readonly place: Place;
  readonly spec: ExecSpec;
  readonly workspacePath: string;
  readonly signal: AbortSignal;
  /** To connect, and again for the sandbox's shell to start the command. */
  readonly timeoutMs: number;
  /** The command could not be ended. */
  readonly onLeftBehind: () => void;
  readonly log: Logger;
}

/** The exit code of a command that timed out. */
const TIMED_OUT = 124;
/** From the report that a command cannot start to the end of its shell. */
const SHELL_END_MS = 2_000;

/** Starts a command in a Pod's container; resolves when the program runs or cannot be run. */
export async function startExec(options: ExecOptions): Promise<ExecSession> {
  const { spec } = options;
  for (const key of Object.keys(spec.environment)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      throw invalidArgument(`environment: '${key}' is not a valid variable name`, { field: 'environment' });
    }
  }
  try {
    return await start(options, randomUUID());
  } catch (error) {
    if (!lacksShell(error)) {
      throw error;
    }
    if (spec.timeoutMs > 0 || Object.keys(spec.environment).length > 0 || spec.workdir !== '') {
      throw failedPrecondition(
        'the image has no /bin/sh, which a timeout, a working directory and environment variables require',
        { reason: 'NoShell', hint: 'leave them out, or use an image with a /bin/sh' },
      );
    }
    return start(options, undefined);
  }
}

/** `execId` undefined: the command runs without a shell, so nothing reports its start or marks its processes. */
async function start(options: ExecOptions, execId: string | undefined): Promise<ExecSession> {
  const { rest, place, spec, signal, log } = options;
  const workdir = spec.workdir || options.workspacePath;
  const reader = execId === undefined ? undefined : createStartReportReader(execId);
  // The shell reports on stderr, which a terminal merges with stdout.
  const reportChannel = spec.tty ? CHANNEL.stdout : CHANNEL.stderr;
  const ended = createDeferred<number | OpenShellError>();
  const started = createDeferred<StartReport | 'late' | undefined>();
  // Output may overtake the report on their shared connection. Enough of it to fill the buffer proves as well as the
  // report does that the program runs.
  let hasReport = reader === undefined;
  let isFull = false;
  let open: ExecSocket | undefined;
  const output = createExecOutput({
    pause() {
      isFull = true;
      started.resolve('ok');
      open?.pause();
    },
    resume() {
      isFull = false;
      open?.resume();
    },
  });
  if (reader === undefined) {
    started.resolve('ok');
  }

  const socket = await openExec({
    rest,
    place,
    query: {
      container: CONTAINER,
      command:
        execId === undefined
          ? spec.command
          : execCommand({ execId, workdir, environment: spec.environment, command: spec.command }),
      stdin: spec.stdin,
      stdout: true,
      stderr: !spec.tty,
      tty: spec.tty,
    },
    timeoutMs: options.timeoutMs,
    signal,
    handlers: {
      data(channel, data) {
        let own = data;
        if (reader !== undefined && !hasReport && channel === reportChannel) {
          const taken = reader.take(data);
          if (taken.report !== undefined) {
            hasReport = true;
            started.resolve(taken.report);
          }
          own = taken.rest;
        }
        if (own.length > 0) {
          output.push({ stream: channel === CHANNEL.stderr ? 'stderr' : 'stdout', data: own });
        }
      },
      closed(status) {
        const outcome = exitCodeOf(status);
        if (execId === undefined && outcome instanceof ExecRefused) {
          const { chunk, exitCode } = refusedExec(outcome.refusal, spec);
          output.push(chunk);
          ended.resolve(exitCode);
        } else {
          ended.resolve(outcome);
        }
        started.resolve(undefined);
        output.end();
      },
    },
  });
  open = socket;
  if (isFull) {
    socket.pause();
  }
  function resize(size: TerminalSize) {
    return socket.send(CHANNEL.resize, Buffer.from(JSON.stringify({ Width: size.cols, Height: size.rows })));
  }

  if (spec.tty && spec.size !== undefined) {
    resize(spec.size);
  }

  let endReason: 'aborted' | 'timed out' | 'never started' | undefined;
  async function end(reason: typeof endReason): Promise<void> {
    if (ended.settled || endReason !== undefined) {
      return;
    }
    endReason = reason;
    output.release();
    if (execId === undefined) {
      log.warn(`a command was left running in Pod '${place.name}': its image has no /bin/sh to end it with`);
      options.onLeftBehind();
    } else if (!(await endExec({ rest, place, execId, ended: ended.promise, log }))) {
      options.onLeftBehind();
    }
    socket.close();
  }

  function abort() {
    return void end('aborted');
  }

  const timer = spec.timeoutMs > 0 ? setTimeout(() => void end('timed out'), spec.timeoutMs) : undefined;
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) {
    abort();
  }

  async function finish(): Promise<number> {
    const result = await ended.promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    const isLost = result instanceof OpenShellError && result.reason === EXEC_LOST;
    if (endReason === undefined && execId !== undefined && isLost) {
      void endExec({ rest, place, execId, ended: undefined, log }).then(
        (isEnded) => isEnded || options.onLeftBehind(),
      );
    }
    await output.drained;
    if (endReason === 'timed out') {
      return TIMED_OUT;
    }
    if (endReason === 'aborted') {
      throw OpenShellError.from(signal.reason);
    }
    if (result instanceof OpenShellError) {
      throw result;
    }
    return result;
  }

  const exitCode = finish();
  exitCode.catch(() => {});

  const late = setTimeout(() => started.resolve('late'), options.timeoutMs);
  const report = await started.promise;
  clearTimeout(late);
  if (report === undefined) {
    throw endedEarly(await exitCode);
  } else if (report === 'late') {
    void end('never started');
    throw new OpenShellError(
      Code.DEADLINE_EXCEEDED,
      `the sandbox's /bin/sh did not start the command within ${options.timeoutMs / 1000} s`,
      { reason: 'ExecNotBegun', hint: "check the load of its node, and the sandbox's /bin/sh" },
    );
  } else if (report !== 'ok') {
    // A real shell ends by itself.
    void Promise.race([ended.promise, delay(SHELL_END_MS)]).then(() => end('never started'));
    return refusedSession(REFUSALS[report], { ...spec, workdir });
  }
  return {
    output,
    stdin: spec.stdin ? createExecStdin(socket, spec.tty) : undefined,
    async resize(size) {
      if (spec.tty) {
        resize(size);
      }
    },
    exitCode,
  };
}

function endedEarly(exitCode: number): OpenShellError {
  return exitCode === TIMED_OUT
    ? new OpenShellError(Code.DEADLINE_EXCEEDED, 'the command did not start within its timeout')
    : new OpenShellError(Code.INTERNAL, `the shell that starts a command exited with code ${exitCode}`, {
        reason: 'ExecFailed',
      });
}

const REFUSALS: Readonly<Record<Exclude<StartReport, 'ok'>, ExecRefusal>> = {
  workdir: 'cannot be the working directory',
  program: 'no such file or directory',
  permission: 'permission denied',
};
