/** Growing waits between attempts. */
interface Backoff {
  /** The next wait in ms: a bound that doubles each time, minus a random part of up to half. */
  next(): number;
  /** Starts over, as before the first attempt. */
  reset(): void;
}

/** Jitter keeps a thousand sandboxes from calling a recovered engine all at once. */
export function createBackoff(firstMs: number, mostMs: number, random: () => number = Math.random): Backoff {
  let bound = firstMs;
  return {
    next() {
      const waitMs = Math.ceil(bound * (1 - random() / 2));
      bound = Math.min(bound * 2, mostMs);
      return waitMs;
    },
    reset() {
      bound = firstMs;
    },
  };
}

/** Milliseconds that wall-clock changes do not affect: for timeouts and deadlines. */
export function monotonicMs(): number {
  return performance.now();
}
