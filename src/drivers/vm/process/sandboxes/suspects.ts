import { failedPrecondition, type OpenShellError } from '../../../../compute/errors.js';
import { createDeferred } from '../../../../kit/deferred.js';

/** So many starts in a row may end the driver process; then the sandbox is given up. */
const MAX_UNFINISHED = 3;

/** Starts of sandboxes in whose last start the driver process ended: one at a time, so that only one is to blame for the next. */
export interface Suspects {
  /** Runs `work` when no other one runs. Rejects with the signal's reason when it aborts before. */
  alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export function createSuspects(): Suspects {
  let last: Promise<void> = Promise.resolve();
  return {
    async alone(signal, work) {
      const before = last;
      const mine = createDeferred();
      last = before.then(() => mine.promise);
      const left = createDeferred();
      function leave() {
        return left.resolve();
      }

      signal.addEventListener('abort', leave, { once: true });
      try {
        if (!signal.aborted) {
          await Promise.race([before, left.promise]);
        }
        signal.throwIfAborted();
        return await work();
      } finally {
        signal.removeEventListener('abort', leave);
        mine.resolve();
      }
    },
  };
}

/** Why a sandbox is not started again; undefined when it is. */
export function givenUp(unfinishedStarts: number): OpenShellError | undefined {
  return unfinishedStarts < MAX_UNFINISHED
    ? undefined
    : failedPrecondition(`the driver process ended in ${unfinishedStarts} starts of this sandbox in a row`, {
        reason: 'StartCrashedDriver',
        hint: "look at the gateway's log for how it ended; delete the sandbox, and see whether its image is to blame",
      });
}
