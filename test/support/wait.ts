import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is neither undefined nor false, and gives it; throws with `what` after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 30_000,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) {
      return answer;
    }
    if (performance.now() > until) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`);
    }
    await sleep(10);
  }
}
