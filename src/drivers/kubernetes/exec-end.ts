import { OpenShellError } from '../../compute/errors.js';
import { ExecRefused } from '../../compute/exec-refusal.js';
import type { Logger } from '../../compute/log.js';
import { deadline, delay, withDeadline } from '../../kit/deadline.js';
import { createDeferred } from '../../kit/deferred.js';
import { endExec as endMarked, signalByShell } from '../container-exec/exec-kill.js';
import { CHANNEL, exitCodeOf, openExec } from './exec-socket.js';
import { CONTAINER, type Place } from './names.js';
import type { Rest } from './rest.js';

interface EndExecOptions {
  readonly rest: Rest;
  readonly place: Place;
  readonly execId: string;
  /** Settles when the command's own connection has ended; undefined when it was lost. */
  readonly ended: Promise<unknown> | undefined;
  readonly log: Logger;
}

/** For a sandbox whose shell does not answer, or answers wrongly. */
const TIMEOUT_MS = 12_000;
/** An exec that was lost with its API server is ended if the server returns within this time. */
const LOST_TIMEOUT_MS = 30_000;
const RETRY_MS = 1_000;
const CALL_TIMEOUT_MS = 10_000;
/** From the end of the last process to the end of its connection. */
const CONNECTION_END_MS = 2_000;
/** A number and a newline; nothing else is read. */
const MAX_ANSWER_BYTES = 64;

/**
 * Ends a command and its children: TERM, 2 s, KILL. The sandbox's own shell does it and may lie, hang or be missing, so
 * the command's own connection, which the cluster ends with the command, decides. False when the command still runs.
 */
export async function endExec(options: EndExecOptions): Promise<boolean> {
  const { ended, log } = options;
  const signal = deadline(ended === undefined ? LOST_TIMEOUT_MS : TIMEOUT_MS);
  for (;;) {
    try {
      await endMarked(signalByShell((argv) => runInSandbox(options, argv, signal), options.execId));
      if (ended !== undefined) {
        await Promise.race([ended, stillConnected(signal)]);
      }
      return true;
    } catch (error) {
      if (isGone(error)) {
        return true;
      }
      if (signal.aborted || lacksShell(error)) {
        log.warn(`a command was left running in Pod '${options.place.name}'`, { error });
        return false;
      }
      log.debug('a command could not be ended yet', { error });
      await delay(RETRY_MS, signal).catch(() => {});
    }
  }
}

async function stillConnected(signal: AbortSignal): Promise<never> {
  await delay(CONNECTION_END_MS, signal);
  throw new Error("the sandbox's /bin/sh reports that the command has ended, but it is still running");
}

/** What `command` prints in the sandbox. Leaves no connection open. */
function runInSandbox(
  { rest, place }: EndExecOptions,
  command: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  return withDeadline(CALL_TIMEOUT_MS, signal, async (until) => {
    const answer = createDeferred<string>();
    const output: Uint8Array[] = [];
    let length = 0;
    until.addEventListener('abort', () => answer.reject(until.reason), { once: true });
    const socket = await openExec({
      rest,
      place,
      query: { container: CONTAINER, command, stdout: true },
      timeoutMs: CALL_TIMEOUT_MS,
      signal: until,
      handlers: {
        data(channel, data) {
          if (channel !== CHANNEL.stdout) {
            return;
          }
          length += data.length;
          if (length > MAX_ANSWER_BYTES) {
            answer.reject(new Error("the answer of the sandbox's /bin/sh is too long"));
          } else {
            output.push(data);
          }
        },
        closed(status) {
          const code = exitCodeOf(status);
          if (code instanceof OpenShellError) {
            answer.reject(code);
          } else if (code !== 0) {
            answer.reject(new Error(`the sandbox's /bin/sh exited with code ${code}`));
          } else {
            answer.resolve(Buffer.concat(output).toString('latin1'));
          }
        },
      },
    });
    try {
      return await answer.promise;
    } finally {
      socket.close();
    }
  });
}

/** Whether the cluster refused to run the shell. */
export function lacksShell(error: unknown): boolean {
  return error instanceof ExecRefused;
}

/** The command ends with its Pod or container. */
function isGone(error: unknown): boolean {
  return (
    error instanceof Error &&
    /not found|container not running|is not running|completed pod/i.test(error.message)
  );
}
