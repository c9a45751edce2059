import { runWithDeadline } from '../../kit/deadline.js';
import type { Owner } from './objects.js';

const TIMEOUT_MS = 500;
const MAX_MISSES = 3;

/**
 * Learns by waiting whether a storage class binds claims before their first use, which would take a role to look up.
 * `waitBound` resolves when the claim is bound, or rejects when its signal aborts.
 */
export function createClaimBinding(
  waitBound: (claim: Owner, signal: AbortSignal) => Promise<void>,
  timeoutMs = TIMEOUT_MS,
) {
  const misses = new Map<string, number>();
  return {
    /**
     * Waits at most 500 ms for a new claim to be bound. An earlier Pod costs seconds: the scheduler requeues it, and a
     * kubelet that finds a half-bound claim retries after 10 s or more. After three timeouts in a row, as with a class
     * that waits for the first consumer, the class is no longer waited for. Never rejects.
     */
    async settle(claim: Owner, storageClass: string, signal: AbortSignal): Promise<void> {
      const missed = misses.get(storageClass) ?? 0;
      if (missed >= MAX_MISSES) {
        return;
      }
      try {
        await runWithDeadline(timeoutMs, signal, (until) => waitBound(claim, until));
        misses.delete(storageClass);
      } catch {
        if (!signal.aborted) {
          misses.set(storageClass, missed + 1);
        }
      }
    },
  };
}
