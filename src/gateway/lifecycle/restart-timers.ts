import type { SandboxRecord } from '../../store/model.js';
import { isRestartPending } from './restart-policy.js';

/** One timer for each sandbox whose restart is pending. */
export interface RestartTimers {
  /** Takes the row as it is now: sets its timer, or takes it away. */
  see(record: SandboxRecord): void;
  close(): void;
}

/** `due` is called once the time of a row's next restart has come; it must not throw. */
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
    see(record) {
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

      // A wall clock that was set back does not prolong the pause that was chosen.
      const waitMs = Math.min(atMs - options.now(), record.restarts.delayMs);
      const timer = setTimeout(fire, Math.max(0, waitMs));
      timer.unref();
      timers.set(id, { atMs, timer });
    },
    close() {
      for (const id of [...timers.keys()]) {
        clear(id);
      }
    },
  };
}
