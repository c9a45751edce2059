import { delay } from '../../kit/deadline.js';

/** Lets an operation that deletes a sandbox's resource wait until the driver's watch reports that it is deleted. */
export interface DeletionWaiters {
  /** Begins to wait. Call it before the delete, so that the report is not missed. */
  expect(id: string): DeletionWaiter;
  /** The driver's watch has reported that the sandbox is deleted. */
  notify(id: string): void;
}

export interface DeletionWaiter {
  /** True as soon as it is deleted, false after `ms`. Rejects when the signal aborts. */
  within(ms: number, signal: AbortSignal): Promise<boolean>;
  dispose(): void;
}

export function createDeletionWaiters(): DeletionWaiters {
  const expected = new Map<string, AbortController>();
  return {
    expect(id) {
      const deleted = new AbortController();
      expected.set(id, deleted);
      return {
        async within(ms, signal) {
          await delay(ms, AbortSignal.any([deleted.signal, signal])).catch(() => {});
          signal.throwIfAborted();
          return deleted.signal.aborted;
        },
        dispose() {
          if (expected.get(id) === deleted) {
            expected.delete(id);
          }
        },
      };
    },
    notify: (id) => expected.get(id)?.abort(),
  };
}
