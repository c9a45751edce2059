import { OpenShellError } from '../../compute/errors.js';
import { ExecRefused } from '../../compute/exec-refusal.js';
import type { Logger } from '../../compute/log.js';
import { deadline, delay, runWithDeadline } from '../../kit/deadline.js';
import { endExec as endMarked, signalByShell } from '../container-exec/exec-kill.js';
import { CHANNEL, type ExecSocket, exitCodeOf, openExec } from './exec-socket.js';
import { CONTAINER, type Place } from './names.js';
import type { Rest } from './rest.js';

interface EndExecOptions {
  readonly rest: Rest;
  readonly place: Place;
  readonly execId: string;
  /** Settles when the command's own connection has ended; undefined when that was lost. */
  readonly ended: Promise<unknown> | undefined;
  readonly log: Logger;
}

/** For a sandbox whose shell answers nothing, or a lie. */
const TIMEOUT_MS = 12_000;
/** An exec that was lost with its API server is ended when the server is back, if that is soon. */
const LOST_TIMEOUT_MS = 30_000;
const RETRY_MS = 1_000;
const CALL_TIMEOUT_MS = 10_000;
/** From the last process's end to the end of its connection. */
const FAREWELL_MS = 2_000;
/** A number and a newline; whatever else the sandbox's shell prints is not read. */
const LONGEST_ANSWER_BYTES = 64;

/**
 * Ends a command and its children: TERM, 2 s, KILL. The shell that does it is the sandbox's own and may lie, hang or be
 * missing, so what it says counts for less than the command's own connection, which the cluster ends with the command.
 * False when the command was left behind.
 */
export async function endExec(options: EndExecOptions): Promise<boolean> {
  const { ended, log } = options;
  const signal = deadline(ended === undefined ? LOST_TIMEOUT_MS : TIMEOUT_MS);
  for (;;) {
    try {
      await endMarked(signalByShell((argv) => answerOf(options, argv, signal), options.execId));
      if (ended === undefined) {
        return true;
      }
      await Promise.race([ended, stillThere(signal)]);
      return true;
    } catch (error) {
      if (isGone(error)) {
        return true;
      }
      if (signal.aborted || lacksShell(error)) {
        log.warn(`a command was left behind in Pod '${options.place.name}'`, { error });
        return false;
      }
      log.debug('a command could not be ended yet', { error });
      await delay(RETRY_MS, signal).catch(() => {});
    }
  }
}

async function stillThere(signal: AbortSignal): Promise<never> {
  await delay(FAREWELL_MS, signal);
  throw new Error("the sandbox's /bin/sh says that the command is gone, and it runs");
}

/** What the sandbox's shell prints, when it runs this. Leaves no connection behind. */
function answerOf(
  { rest, place }: EndExecOptions,
  command: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  return runWithDeadline(CALL_TIMEOUT_MS, signal, async (until) => {
    let socket: ExecSocket | undefined;
    let over = false;
    try {
      return await new Promise<string>((resolve, reject) => {
        const answer: Uint8Array[] = [];
        let length = 0;
        until.addEventListener('abort', () => reject(until.reason), { once: true });
        openExec({
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
              if (length > LONGEST_ANSWER_BYTES) {
                reject(new Error("the sandbox's /bin/sh floods its answer"));
              } else {
                answer.push(data);
              }
            },
            closed(status) {
              const code = exitCodeOf(status);
              if (code instanceof OpenShellError) {
                reject(code);
              } else if (code !== 0) {
                reject(new Error(`the sandbox's /bin/sh ended with code ${code}`));
              } else {
                resolve(Buffer.concat(answer).toString('latin1'));
              }
            },
          },
        }).then((opened) => {
          socket = opened;
          if (over) {
            opened.close();
          }
        }, reject);
      });
    } finally {
      over = true;
      socket?.close();
    }
  });
}

/** Of what a cluster says that was asked to run the shell. */
export function lacksShell(error: unknown): boolean {
  return error instanceof ExecRefused;
}

/** With its Pod or container, the command is gone too. */
function isGone(error: unknown): boolean {
  return (
    error instanceof Error &&
    /not found|container not running|is not running|completed pod/i.test(error.message)
  );
}
