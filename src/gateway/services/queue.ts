import { Code, OpenShellError } from '../../compute/errors.js';

/** From many writers to one slow reader, bounded. */
export interface BoundedQueue<T> {
  /** Drops the item when the queue is full. */
  push(item: T): void;
  /** Resolves when the item is in; it waits while half of the queue is taken, the other half is for `push`. */
  put(item: T): Promise<void>;
  /** No more items: the reader ends after those queued, with `error` if given. */
  end(error?: unknown): void;
  /** Ends; throws RESOURCE_EXHAUSTED when items had to be dropped. */
  read(signal: AbortSignal): AsyncGenerator<T, void, undefined>;
}

export const createBoundedQueue = <T>(capacity: number): BoundedQueue<T> => {
  const items: T[] = [];
  let dropped = 0;
  let ended = false;
  let failure: unknown;
  let wake = () => {};
  const waiting = new Set<() => void>();
  const goOn = () => {
    for (const next of waiting) next();
    waiting.clear();
  };
  return {
    async put(item) {
      while (!ended && items.length >= capacity / 2) {
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
      if (ended) return;
      items.push(item);
      wake();
    },
    push(item) {
      if (ended) return;
      if (items.length >= capacity) dropped++;
      else items.push(item);
      wake();
    },
    end(error) {
      if (ended) return;
      ended = true;
      failure = error;
      goOn();
      wake();
    },
    async *read(signal) {
      const onAbort = () => wake();
      signal.addEventListener('abort', onAbort);
      try {
        for (;;) {
          signal.throwIfAborted();
          if (dropped > 0) {
            throw new OpenShellError(
              Code.RESOURCE_EXHAUSTED,
              `watch stream lagged; dropped ${dropped} messages`,
              {
                reason: 'WatchLagged',
                hint: 'read faster, or watch again: a new stream begins with a snapshot',
              },
            );
          }
          const item = items.shift();
          if (items.length < capacity / 2) goOn();
          if (item !== undefined) {
            yield item;
          } else if (ended) {
            if (failure !== undefined) throw failure;
            return;
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
        ended = true;
        goOn();
      }
    },
  };
};
