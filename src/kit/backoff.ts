/** Growing waits between attempts. */
interface Backoff {
  /** The next wait in ms, at most twice the last one's bound; chance takes away up to half of it. */
  next(): number;
  /** As before the first attempt. */
  reset(): void;
}

/** Jitter keeps a thousand sandboxes from asking an engine that came back all in the same moment. */
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

/** Milliseconds that no change of the wall clock moves: for patience and deadlines. */
export function monotonicMs(): number {
  return performance.now();
}
