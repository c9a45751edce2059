import { createDeferred } from '../../../../kit/deferred.js';

type Report<Progress> = (progress: Progress) => void;
type Start<T, Progress> = (report: Report<Progress>, signal: AbortSignal) => Promise<T>;

interface InFlight<T, Progress> {
  readonly done: Promise<T>;
  readonly abort: AbortController;
  readonly waiting: Set<{ readonly report: Report<Progress> }>;
}

/** Work shared by concurrent callers: done once, and aborted when the last caller aborts. */
export function createSharedWork<T, Progress>() {
  const inFlight = new Map<string, InFlight<T, Progress>>();

  function begin(name: string, start: Start<T, Progress>): InFlight<T, Progress> {
    const waiting: InFlight<T, Progress>['waiting'] = new Set();
    const abort = new AbortController();
    function reportAll(progress: Progress) {
      for (const { report } of waiting) {
        report(progress);
      }
    }

    // Starts a microtask later, once the first caller is in `waiting`.
    const done = Promise.resolve()
      .then(() => start(reportAll, abort.signal))
      .finally(() => forget(name, work));
    done.catch(() => {});
    const work = { done, abort, waiting };
    inFlight.set(name, work);
    return work;
  }

  function forget(name: string, work: InFlight<T, Progress>) {
    if (inFlight.get(name) === work) {
      inFlight.delete(name);
    }
  }

  return {
    /**
     * The result of the work with this name, started by `start` unless it is in progress. Rejects with the signal's
     * reason when it aborts: at once if others wait, otherwise when the work has ended.
     */
    async join(
      name: string,
      report: Report<Progress>,
      signal: AbortSignal,
      start: Start<T, Progress>,
    ): Promise<T> {
      signal.throwIfAborted();
      const work = inFlight.get(name) ?? begin(name, start);
      const me = { report };
      work.waiting.add(me);
      const aborted = createDeferred<never>();
      function onAbort() {
        work.waiting.delete(me);
        if (work.waiting.size > 0) {
          return aborted.reject(signal.reason);
        }
        forget(name, work);
        work.abort.abort(signal.reason);
      }

      signal.addEventListener('abort', onAbort, { once: true });
      try {
        return await Promise.race([work.done, aborted.promise]);
      } finally {
        signal.removeEventListener('abort', onAbort);
        work.waiting.delete(me);
      }
    },
  };
}
