import { createDeferred } from '../../../../kit/deferred.js';

/** Work shared by concurrent callers: done once, and aborted when the last caller aborts. */
interface SharedWork<T, Progress> {
  /**
   * The result of the work with this name, started by `start` unless it is in progress. Rejects with the signal's reason
   * when it aborts: at once if others wait, otherwise when the work has ended.
   */
  join(
    name: string,
    report: (progress: Progress) => void,
    signal: AbortSignal,
    start: (report: (progress: Progress) => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

interface InFlight<T, Progress> {
  readonly done: Promise<T>;
  readonly abort: AbortController;
  readonly waiting: Set<{ readonly report: (progress: Progress) => void }>;
}

export function createSharedWork<T, Progress>(): SharedWork<T, Progress> {
  const inFlight = new Map<string, InFlight<T, Progress>>();

  function begin(name: string, start: Parameters<SharedWork<T, Progress>['join']>[3]): InFlight<T, Progress> {
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
    async join(name, report, signal, start) {
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
