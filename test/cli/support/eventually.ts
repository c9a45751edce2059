import { setTimeout as delay } from 'node:timers/promises';

/** Asks every 10 ms until the answer is true; fails with `what` after 15 s. */
export async function eventually(what: string, ask: () => boolean): Promise<void> {
  const until = performance.now() + 15_000;
  while (!ask()) {
    if (performance.now() > until) {
      throw new Error(`never came: ${what}`);
    }
    await delay(10);
  }
}
