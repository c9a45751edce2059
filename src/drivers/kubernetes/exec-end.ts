import { deadline, delay } from '../../compute/deadline.js';
import { EXEC_KILL_GRACE_MS, execKillCommand } from '../../compute/exec-kill.js';
import type { Logger } from '../../compute/log.js';
import { CHANNEL, openExec } from './exec-socket.js';
import { CONTAINER, type Place } from './names.js';
import type { Rest } from './rest.js';

export interface EndExecOptions {
  readonly rest: Rest;
  readonly place: Place;
  readonly execId: string;
  /** Settles when the command's own connection has ended. */
  readonly ended: Promise<unknown>;
  readonly log: Logger;
}

/** An exec that was lost with its API server is ended when the server is back, if that is soon. */
const TIMEOUT_MS = 30_000;
const RETRY_MS = 1_000;
const CALL_TIMEOUT_MS = 10_000;

/** Ends a command and its children: TERM, 2 s, KILL. Resolves when none is left; logs when that cannot be had. */
export const endExec = async (options: EndExecOptions): Promise<void> => {
  const signal = deadline(TIMEOUT_MS);
  for (;;) {
    try {
      const until = performance.now() + EXEC_KILL_GRACE_MS;
      if ((await signalAll(options, 'TERM', signal)) === 0) return;
      await Promise.race([options.ended, delay(EXEC_KILL_GRACE_MS, signal)]);
      if ((await signalAll(options, 'TERM', signal)) === 0) return;
      await delay(Math.max(0, until - performance.now()), signal);
      await signalAll(options, 'KILL', signal);
      return;
    } catch (error) {
      if (isGone(error)) return;
      if (signal.aborted) {
        options.log.warn(`a command in Pod '${options.place.name}' may have been left behind`, { error });
        return;
      }
      options.log.debug('a command could not be ended yet', { error });
      await delay(RETRY_MS, signal).catch(() => {});
    }
  }
};

/** How many processes got the signal. */
const signalAll = async (
  { rest, place, execId }: EndExecOptions,
  name: 'TERM' | 'KILL',
  signal: AbortSignal,
): Promise<number> => {
  const chunks: Uint8Array[] = [];
  const until = deadline(CALL_TIMEOUT_MS, signal);
  await new Promise<void>((resolve, reject) => {
    const abort = () => reject(until.reason);
    until.addEventListener('abort', abort, { once: true });
    openExec({
      rest,
      place,
      query: { container: CONTAINER, command: execKillCommand(execId, name), stdout: true },
      timeoutMs: CALL_TIMEOUT_MS,
      signal: until,
      handlers: {
        data: (channel, data) => {
          if (channel === CHANNEL.stdout) chunks.push(data);
        },
        closed: (status) => {
          until.removeEventListener('abort', abort);
          if (status?.status === 'Success') resolve();
          else reject(new Error(status?.message ?? 'the connection ended early'));
        },
      },
    }).catch(reject);
  });
  const count = Number.parseInt(Buffer.concat(chunks).toString('utf8'), 10);
  if (Number.isNaN(count)) throw new Error('the answer was lost');
  return count;
};

/** With its Pod or container, the command is gone too. */
const isGone = (error: unknown): boolean =>
  error instanceof Error &&
  /not found|container not running|is not running|completed pod/i.test(error.message);
