/** Work that several callers may want at the same time: done once, and given up when the last of them gives up. */
interface SharedWork<T, News> {
  /**
   * The result of the work of this name, begun by `start` unless it is under way. Rejects with the signal's reason
   * when it aborts: at once while others wait, else when the work has ended.
   */
  join(
    name: string,
    tell: (news: News) => void,
    signal: AbortSignal,
    start: (tell: (news: News) => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}

interface Underway<T, News> {
  readonly done: Promise<T>;
  readonly abort: AbortController;
  readonly waiting: Set<{ readonly tell: (news: News) => void }>;
}

export function createSharedWork<T, News>(): SharedWork<T, News> {
  const underway = new Map<string, Underway<T, News>>();

  function begin(name: string, start: Parameters<SharedWork<T, News>['join']>[3]): Underway<T, News> {
    const waiting: Underway<T, News>['waiting'] = new Set();
    const abort = new AbortController();
    function tellAll(news: News) {
      for (const { tell } of waiting) {
        tell(news);
      }
    }

    // Begun a little later, when the first caller listens.
    const done = Promise.resolve()
      .then(() => start(tellAll, abort.signal))
      .finally(() => forget(name, work));
    done.catch(() => {});
    const work = { done, abort, waiting };
    underway.set(name, work);
    return work;
  }

  function forget(name: string, work: Underway<T, News>) {
    if (underway.get(name) === work) {
      underway.delete(name);
    }
  }

  return {
    async join(name, tell, signal, start) {
      signal.throwIfAborted();
      const work = underway.get(name) ?? begin(name, start);
      const me = { tell };
      work.waiting.add(me);
      let onAbort = () => {};
      const gaveUp = new Promise<never>((_, reject) => {
        onAbort = () => {
          work.waiting.delete(me);
          if (work.waiting.size > 0) {
            return reject(signal.reason);
          }
          forget(name, work);
          work.abort.abort(signal.reason);
        };
      });
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        return await Promise.race([work.done, gaveUp]);
      } finally {
        signal.removeEventListener('abort', onAbort);
        work.waiting.delete(me);
      }
    },
  };
}
