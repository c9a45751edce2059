/** One queue for each key: tasks of one key run in sequence, different keys run concurrently. */
interface Lanes {
  run<T>(key: string, task: () => Promise<T>): Promise<T>;
  /** Whether a task of the key is running or waiting. */
  busy(key: string): boolean;
  /** Resolves when all tasks have ended. */
  idle(): Promise<void>;
}

export function createLanes(): Lanes {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run(key, task) {
      const before = tails.get(key) ?? Promise.resolve();
      const result = before.then(task, task);
      const tail = result.then(
        () => {},
        () => {},
      );
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) {
          tails.delete(key);
        }
      });
      return result;
    },
    busy: (key) => tails.has(key),
    async idle() {
      while (tails.size > 0) {
        await Promise.all(tails.values());
      }
    },
  };
}
