/** Hands values from many writers to one reader, and lets writers wait when the reader is slow. */
export interface Queue<T> extends AsyncIterable<T> {
  /** Resolves when there is room for more. Dropped after `end` or `fail`. */
  push(value: T): Promise<void>;
  end(): void;
  /** The reader gets what is queued and then this error. */
  fail(error: unknown): void;
}

export const createQueue = <T>(capacity: number): Queue<T> => {
  const values: T[] = [];
  const writers: (() => void)[] = [];
  let ended: { error?: unknown } | undefined;
  let wake = () => {};

  const close = (how: { error?: unknown }) => {
    ended ??= how;
    for (const resume of writers.splice(0)) resume();
    wake();
  };

  return {
    async push(value) {
      if (ended !== undefined) return;
      values.push(value);
      wake();
      if (values.length >= capacity) await new Promise<void>((resolve) => writers.push(resolve));
    },
    end: () => close({}),
    fail: (error) => close({ error }),
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          while (values.length > 0) {
            yield values.shift() as T;
            if (values.length < capacity) for (const resume of writers.splice(0)) resume();
          }
          if (ended !== undefined) {
            if ('error' in ended) throw ended.error;
            return;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        close({});
      }
    },
  };
};
