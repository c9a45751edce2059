import { failedPrecondition, type OpenShellError } from '../../../../compute/errors.js';
import { createDeferred } from '../../../../kit/deferred.js';
import { orAborted } from '../promises.js';

/** After this many starts in a row in which the driver process ended, the sandbox is not started again. */
const MAX_UNFINISHED = 3;

/** Runs a start when no other one runs. Rejects with the signal's reason if it aborts before. */
export type RetryStart = <T>(signal: AbortSignal, start: () => Promise<T>) => Promise<T>;

/** For sandboxes in whose last start the driver process ended: one at a time, so that only one can be the cause. */
export function createRetryStart(): RetryStart {
  let last: Promise<void> = Promise.resolve();
  return async (signal, start) => {
    const before = last;
    const mine = createDeferred();
    last = before.then(() => mine.promise);
    try {
      await orAborted(before, signal);
      return await start();
    } finally {
      mine.resolve();
    }
  };
}

/** Why a sandbox is not started again; undefined when it is. */
export function crashLooping(unfinishedStarts: number): OpenShellError | undefined {
  return unfinishedStarts < MAX_UNFINISHED
    ? undefined
    : failedPrecondition(`the driver process ended in ${unfinishedStarts} starts of this sandbox in a row`, {
        reason: 'StartCrashedDriver',
        hint: "check the gateway's log for how it ended; delete the sandbox, and check whether its image is the cause",
      });
}
