import { Code, OpenShellError } from '../../compute/errors.js';

/** From many writers to one slow reader, bounded. */
export interface BoundedQueue<T> {
  push(item: T): void;
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
  return {
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
      }
    },
  };
};
