/** Runs a bounded number of tasks at a time; the others wait, in order of arrival. */
export interface Slots {
  /** Rejects with the signal's reason when it aborts before the task starts; a running task handles it itself. */
  run<T>(
    task: () => Promise<T>,
    options: { readonly signal: AbortSignal; readonly urgent?: boolean },
  ): Promise<T>;
  readonly running: number;
  readonly waiting: number;
}

/** `reserved` of the `most` slots are for urgent tasks only, which also run before all other waiting tasks. */
export function createSlots(most: number, reserved = 0): Slots {
  const ordinaryMost = Math.max(1, most - reserved);
  const waiting = { urgent: new Set<() => void>(), ordinary: new Set<() => void>() };
  const running = { urgent: 0, ordinary: 0 };

  function next(): (() => void) | undefined {
    if (running.urgent + running.ordinary >= most) {
      return undefined;
    }
    const [urgent] = waiting.urgent;
    if (urgent !== undefined) {
      return urgent;
    }
    return running.ordinary < ordinaryMost ? waiting.ordinary.values().next().value : undefined;
  }

  function admit(): void {
    for (let start = next(); start !== undefined; start = next()) {
      start();
    }
  }

  function begin(kind: 'urgent' | 'ordinary', signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      function start() {
        signal.removeEventListener('abort', onAbort);
        waiting[kind].delete(start);
        running[kind]++;
        resolve();
      }

      function onAbort() {
        waiting[kind].delete(start);
        reject(signal.reason);
      }

      signal.addEventListener('abort', onAbort, { once: true });
      waiting[kind].add(start);
      admit();
    });
  }

  return {
    async run(task, { signal, urgent = false }) {
      const kind = urgent ? 'urgent' : 'ordinary';
      await begin(kind, signal);
      try {
        return await task();
      } finally {
        running[kind]--;
        admit();
      }
    },
    get running() {
      return running.urgent + running.ordinary;
    },
    get waiting() {
      return waiting.urgent.size + waiting.ordinary.size;
    },
  };
}
