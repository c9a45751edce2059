import { createBackoff } from '../../../../../kit/backoff.js';
import { delay } from '../../../../../kit/deadline.js';
import { RegistryFailure } from './failure.js';

const ATTEMPTS = 4;
/** A longer Retry-After is not waited for. */
const MAX_PAUSE_MS = 30_000;

/** Up to four attempts, with growing pauses from `pauseMs` on, while the failure is temporary. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  pauseMs: number,
  signal: AbortSignal,
): Promise<T> {
  const backoff = createBackoff(pauseMs, Number.POSITIVE_INFINITY);
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof RegistryFailure) || !error.temporary || tried === ATTEMPTS) {
        throw error;
      }
      const retryAfterMs = error.retryAfterMs ?? 0;
      if (retryAfterMs > MAX_PAUSE_MS) {
        throw error;
      }
      await delay(Math.max(backoff.next(), retryAfterMs), signal);
    }
  }
}
