import { createBackoff } from '../../../../../kit/backoff.js';
import { delay } from '../../../../../kit/deadline.js';
import { RegistryFailure } from './failure.js';

const ATTEMPTS = 4;
/** A registry that wants to be left alone for longer is not waited for. */
const MAX_PAUSE_MS = 30_000;

/**
 * Does `attempt` again, with growing pauses, while its failure may pass: four times in all. `pauseMs` is the first
 * pause; each is up to twice the one before.
 */
export async function persistently<T>(
  attempt: () => Promise<T>,
  pauseMs: number,
  signal: AbortSignal,
): Promise<T> {
  const backoff = createBackoff(pauseMs, Number.POSITIVE_INFINITY);
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof RegistryFailure) || !error.passing || tried === ATTEMPTS) {
        throw error;
      }
      const asked = error.retryAfterMs ?? 0;
      if (asked > MAX_PAUSE_MS) {
        throw error;
      }
      await delay(Math.max(backoff.next(), asked), signal);
    }
  }
}
