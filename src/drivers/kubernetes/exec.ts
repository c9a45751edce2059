import { randomUUID } from 'node:crypto';
import type { ExecSession, ExecSpec, TerminalSize } from '../../compute/driver.js';
import { Code, failedPrecondition, invalidArgument, OpenShellError } from '../../compute/errors.js';
import { type ExecRefusal, ExecRefused, refusedExec, refusedSession } from '../../compute/exec-refusal.js';
import type { Logger } from '../../compute/log.js';
import { delay } from '../../kit/deadline.js';
import { createDeferred } from '../../kit/deferred.js';
import { createGreetingReader, execCommand, type Greeting } from './exec-command.js';
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
  /** For the connection to stand, and then for the sandbox's shell to begin the command. */
  readonly timeoutMs: number;
  /** The command was to end, and nothing could end it. */
  readonly leftBehind: () => void;
  readonly log: Logger;
}

/** The exit code that tells of a timeout. */
const TIMED_OUT = 124;
/** From a shell's word that it cannot begin to its end. */
const FAREWELL_MS = 2_000;

/** Starts a command in a Pod's container and resolves when the program runs, or cannot. */
export async function startExec(options: ExecOptions): Promise<ExecSession> {
  const { spec } = options;
  for (const key of Object.keys(spec.environment)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      throw invalidArgument(`environment: '${key}' is not the name of a variable`, { field: 'environment' });
    }
  }
  try {
    return await begin(options, randomUUID());
  } catch (error) {
    if (!lacksShell(error)) {
      throw error;
    }
    if (spec.timeoutMs > 0 || Object.keys(spec.environment).length > 0 || spec.workdir !== '') {
      throw failedPrecondition(
        'the image has no /bin/sh, without which a command has no timeout, directory or variables of its own',
        { reason: 'NoShell', hint: 'leave them out, or use an image with a /bin/sh' },
      );
    }
    return begin(options, undefined);
  }
}

/** `execId` undefined: the command runs as it is, without a shell that would announce and mark it. */
async function begin(options: ExecOptions, execId: string | undefined): Promise<ExecSession> {
  const { rest, place, spec, signal, log } = options;
  const reader = execId === undefined ? undefined : createGreetingReader(execId);
  // The shell speaks on stderr, which a terminal makes one with stdout.
  const greetingChannel = spec.tty ? CHANNEL.stdout : CHANNEL.stderr;
  const ended = createDeferred<number | OpenShellError>();
  const greeted = createDeferred<Greeting | 'late' | undefined>();
  // The shell's word shares the connection with the program's output, which may overtake it. So much of that that it has
  // to be held back says as well as the word that the program runs.
  let hasWord = reader === undefined;
  let isFull = false;
  let open: ExecSocket | undefined;
  const output = createExecOutput({
    pause() {
      isFull = true;
      greeted.resolve('ok');
      open?.pause();
    },
    resume() {
      isFull = false;
      open?.resume();
    },
  });
  if (reader === undefined) {
    greeted.resolve('ok');
  }

  const socket = await openExec({
    rest,
    place,
    query: {
      container: CONTAINER,
      command:
        execId === undefined
          ? spec.command
          : execCommand({
              execId,
              workdir: spec.workdir || options.workspacePath,
              environment: spec.environment,
              command: spec.command,
            }),
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
        if (reader !== undefined && !hasWord && channel === greetingChannel) {
          const { greeting, rest: after } = reader.take(data);
          hasWord = greeting !== undefined;
          if (greeting !== undefined) {
            greeted.resolve(greeting);
          }
          own = after;
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
        greeted.resolve(undefined);
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

  let cut: 'aborted' | 'timed out' | 'never begun' | undefined;
  async function end(why: typeof cut): Promise<void> {
    if (ended.settled || cut !== undefined) {
      return;
    }
    cut = why;
    output.release();
    if (execId === undefined) {
      log.warn(`a command was left behind in Pod '${place.name}': its image has no /bin/sh to end it with`);
      options.leftBehind();
    } else if (!(await endExec({ rest, place, execId, ended: ended.promise, log }))) {
      options.leftBehind();
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
    if (cut === undefined && execId !== undefined && isLost(result)) {
      void endExec({ rest, place, execId, ended: undefined, log }).then(
        (isEnded) => isEnded || options.leftBehind(),
      );
    }
    await output.drained;
    if (cut === 'timed out') {
      return TIMED_OUT;
    }
    if (cut === 'aborted') {
      throw OpenShellError.from(signal.reason);
    }
    if (result instanceof OpenShellError) {
      throw result;
    }
    return result;
  }

  const exitCode = finish();
  exitCode.catch(() => {});

  const late = setTimeout(() => greeted.resolve('late'), options.timeoutMs);
  const greeting = await greeted.promise;
  clearTimeout(late);
  if (greeting === undefined) {
    await refuse(await exitCode);
  } else if (greeting === 'late') {
    void end('never begun');
    throw tooLate(options);
  } else if (greeting !== 'ok') {
    // The shell ends by itself, if it is one.
    void Promise.race([ended.promise, delay(FAREWELL_MS)]).then(() => end('never begun'));
    const workdir = spec.workdir || options.workspacePath;
    return refusedSession(REFUSALS[greeting], { ...spec, workdir });
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

async function refuse(exitCode: number): Promise<never> {
  if (exitCode === TIMED_OUT) {
    throw new OpenShellError(Code.DEADLINE_EXCEEDED, 'the command did not begin within its timeout');
  }
  throw new OpenShellError(Code.INTERNAL, `the shell that begins a command ended with code ${exitCode}`, {
    reason: 'ExecFailed',
  });
}

function tooLate({ timeoutMs }: ExecOptions): OpenShellError {
  return new OpenShellError(
    Code.DEADLINE_EXCEEDED,
    `the sandbox's /bin/sh did not begin the command within ${timeoutMs / 1000} s`,
    { reason: 'ExecNotBegun', hint: 'look at the load of its node, and at what is /bin/sh in the sandbox' },
  );
}

const REFUSALS: Readonly<Record<Exclude<Greeting, 'ok'>, ExecRefusal>> = {
  workdir: 'cannot be the working directory',
  program: 'no such file or directory',
  permission: 'permission denied',
};

function isLost(result: unknown): boolean {
  return result instanceof OpenShellError && result.reason === EXEC_LOST;
}
