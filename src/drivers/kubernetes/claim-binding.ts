import { runWithDeadline } from '../../kit/deadline.js';
import type { Owner } from './objects.js';

/** Whether a class of storage binds its claims before anybody uses them is learned from them: no role is needed to ask. */
interface ClaimBinding {
  /**
   * Waits for a new claim to be bound, at most 500 ms. A Pod that comes before costs seconds: the scheduler puts it back,
   * and a kubelet that meets a claim half bound tries again after 10 s and more. A class that was late three times in a
   * row, as one that waits for its first consumer is, is not waited for any more. Never rejects.
   */
  settle(claim: Owner, storageClass: string, signal: AbortSignal): Promise<void>;
}

const PATIENCE_MS = 500;
const MOST_MISSES = 3;

/** `waitBound` resolves when the claim is bound, or rejects when its signal aborts. */
export function createClaimBinding(
  waitBound: (claim: Owner, signal: AbortSignal) => Promise<void>,
  patienceMs = PATIENCE_MS,
): ClaimBinding {
  const misses = new Map<string, number>();
  return {
    async settle(claim, storageClass, signal) {
      const missed = misses.get(storageClass) ?? 0;
      if (missed >= MOST_MISSES) {
        return;
      }
      try {
        await runWithDeadline(patienceMs, signal, (until) => waitBound(claim, until));
        misses.delete(storageClass);
      } catch {
        if (!signal.aborted) {
          misses.set(storageClass, missed + 1);
        }
      }
    },
  };
}
