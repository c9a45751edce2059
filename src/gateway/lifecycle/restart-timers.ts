import type { SandboxRecord } from '../../store/model.js';
import { isRestartPending } from './restart-policy.js';

/** One timer for each sandbox with a pending restart. */
export interface RestartTimers {
  /** Sets or clears the timer according to the current row. */
  update(record: SandboxRecord): void;
  close(): void;
}

/** `due` is called at the time of a row's next restart; it must not throw. */
export function createRestartTimers(options: {
  now: () => number;
  due: (record: SandboxRecord) => void;
}): RestartTimers {
  const timers = new Map<string, { readonly atMs: number; readonly timer: NodeJS.Timeout }>();

  function clear(id: string): void {
    clearTimeout(timers.get(id)?.timer);
    timers.delete(id);
  }

  return {
    update(record) {
      const { id } = record;
      if (!isRestartPending(record)) {
        return clear(id);
      }
      const atMs = record.restarts.nextAtMs;
      if (timers.get(id)?.atMs === atMs) {
        return;
      }
      clear(id);
      function fire() {
        timers.delete(id);
        options.due(record);
      }

      // At most the chosen delay, even when the wall clock was set back.
      const waitMs = Math.min(atMs - options.now(), record.restarts.delayMs);
      const timer = setTimeout(fire, Math.max(0, waitMs)).unref();
      timers.set(id, { atMs, timer });
    },
    close() {
      for (const id of [...timers.keys()]) {
        clear(id);
      }
    },
  };
}
