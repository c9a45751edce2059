import { delay } from '../../kit/deadline.js';

/** Sandboxes whose resource is to go: the driver's watch says when, and who removes them waits for it. */
export interface DeletionWaiters {
  /** From now on the sandbox's going is noticed. */
  expect(id: string): Departure;
  /** The driver's watch says that the sandbox is gone. */
  tell(id: string): void;
}

export interface Departure {
  /** True as soon as it is gone, false after `ms`. Rejects when the signal aborts. */
  within(ms: number, signal: AbortSignal): Promise<boolean>;
  dispose(): void;
}

export function createDeletionWaiters(): DeletionWaiters {
  const expected = new Map<string, AbortController>();
  return {
    expect(id) {
      const gone = new AbortController();
      expected.set(id, gone);
      return {
        async within(ms, signal) {
          await delay(ms, AbortSignal.any([gone.signal, signal])).catch(() => {});
          signal.throwIfAborted();
          return gone.signal.aborted;
        },
        dispose() {
          if (expected.get(id) === gone) {
            expected.delete(id);
          }
        },
      };
    },
    tell: (id) => expected.get(id)?.abort(),
  };
}
