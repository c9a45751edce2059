import { delay } from '../../kit/deadline.js';

/** Lets calls through at a steady rate, with bursts after a quiet time. */
export interface Throttle {
  /** Waits for this call's turn. Calls proceed in order. */
  take(signal: AbortSignal): Promise<void>;
}

export function createThrottle(options: { perSecond: number; burst: number; now?: () => number }): Throttle {
  const now = options.now ?? (() => performance.now());
  const intervalMs = 1000 / options.perSecond;
  const aheadMs = intervalMs * (options.burst - 1);
  /** When the next call would be due without bursts. */
  let dueMs = now();
  return {
    async take(signal) {
      const nowMs = now();
      const waitMs = dueMs - aheadMs - nowMs;
      dueMs = Math.max(dueMs, nowMs) + intervalMs;
      if (waitMs > 0) {
        await delay(waitMs, signal);
      } else {
        signal.throwIfAborted();
      }
    },
  };
}
