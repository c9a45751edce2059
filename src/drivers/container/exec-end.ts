import type { Readable } from 'node:stream';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { runWithDeadline, withDeadline } from '../../kit/deadline.js';
import { endExec, signalByShell } from '../container-exec/exec-kill.js';
import { demultiplex } from './frames.js';
import { canSignal, signalFromOutside } from './host-processes.js';

/** A container in which commands run and may have to be ended. */
export interface ExecContainer {
  readonly containerId: string;
  /** Whether the container has a /bin/sh, which ends commands where that cannot be done from outside. */
  readonly hasShell: () => Promise<boolean>;
  /** The number of the container's first process on the engine's host; 0: it does not run. */
  readonly firstPid: () => Promise<number>;
  /** Told that a command goes on that was to end. */
  readonly leftBehind: (why: string) => void;
  readonly log: Logger;
}

/** Starts a command beside the others, without a terminal or stdin; returns the connection with its framed output. */
export type StartAside = (argv: readonly string[], signal: AbortSignal) => Promise<Readable>;

/** One look for the processes of an exec, or one signal to them. */
const ROUND_TIMEOUT_MS = 10_000;
/** All looks and signals, by one way. */
const END_TIMEOUT_MS = 12_000;
/** The helper prints one number. The shell is the sandbox's own and may print for ever. */
const MOST_ANSWER_BYTES = 64;

/** FAILED_PRECONDITION when a command in this container could not be ended at its timeout. */
export async function requireEnd({ containerId, hasShell, firstPid }: ExecContainer): Promise<void> {
  if ((await hasShell()) || canSignal({ containerId, firstPid: await firstPid() })) {
    return;
  }
  throw failedPrecondition('a timeout needs a /bin/sh in the image, and this one has none', {
    field: 'timeout_seconds',
    hint: 'run the command without a timeout, use an image with a shell, or run the gateway as root on the engine’s host',
  });
}

interface ExecToEnd {
  readonly mark: string;
  /** The number of its first process on the engine's host; 0: it has ended. */
  readonly pid: () => Promise<number>;
  readonly why: string;
}

/**
 * Ends the processes of an exec, from outside where they can be seen, else by a shell inside. Never rejects: what could
 * not be ended is reported.
 */
export async function endProcesses(
  container: ExecContainer,
  startAside: StartAside,
  { mark, pid, why }: ExecToEnd,
): Promise<void> {
  const { containerId, hasShell, firstPid, log } = container;
  async function byShell() {
    if (!(await hasShell())) {
      throw new Error('the image has no /bin/sh to end it with');
    }
    await endExec(signalByShell((argv) => answerOf(startAside, argv), mark));
  }

  try {
    const [first, own] = await Promise.all([firstPid(), pid()]);
    const outside = signalFromOutside({ containerId, firstPid: first }, own, mark);
    const end = outside === undefined ? byShell : () => endExec(outside);
    await withDeadline(END_TIMEOUT_MS, undefined, end);
  } catch (error) {
    const known = OpenShellError.from(error);
    // Nothing runs in a container that is stopped or gone.
    if (known.code === Code.NOT_FOUND || known.code === Code.FAILED_PRECONDITION) {
      return;
    }
    log.warn('an exec was left behind', { container: containerId, why, error: known.message });
    container.leftBehind(`a command goes on although ${why}: ${known.message}`);
  }
}

function answerOf(startAside: StartAside, argv: readonly string[]): Promise<string> {
  return runWithDeadline(ROUND_TIMEOUT_MS, undefined, async (signal) => {
    const connection = await startAside(argv, signal);
    function cut() {
      return connection.destroy(signal.reason);
    }

    if (signal.aborted) {
      cut();
    }
    signal.addEventListener('abort', cut, { once: true });
    let answer = '';
    let bytes = 0;
    try {
      for await (const { stream, data } of demultiplex(connection)) {
        bytes += data.length;
        if (bytes > MOST_ANSWER_BYTES) {
          throw new Error("the sandbox's /bin/sh prints what no shell would");
        }
        if (stream === 'stdout') {
          answer += data.toString('latin1');
        }
      }
      return answer;
    } finally {
      signal.removeEventListener('abort', cut);
      connection.destroy();
    }
  });
}
