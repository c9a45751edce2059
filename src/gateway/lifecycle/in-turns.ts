import { setTimeout as pause } from 'node:timers/promises';
import type { SandboxRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';

/** Gone through before other work gets its turn: about a millisecond. */
const AT_ONCE = 20;
const ROWS_AT_ONCE = 40;
const BYTES_AT_ONCE = 512 * 1024;
/** Longer than what is done at once, so that most calls meet nothing of it. */
const PAUSE_MS = 2;

/** Goes through many items with pauses, so that a gateway with thousands of sandboxes goes on answering. */
export async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T> {
  let count = 0;
  for (const item of items) {
    if (++count % AT_ONCE === 0) {
      await pause(PAUSE_MS);
    }
    yield item;
  }
}

/**
 * All rows of one driver that are there from the beginning to the end, read with pauses as well. Without their secrets:
 * whoever acts on one reads it again.
 */
export async function* rowsOf(store: Store, driver: string): AsyncGenerator<SandboxRecord> {
  let after: SandboxRecord | undefined;
  do {
    const page = { limit: ROWS_AT_ONCE, offset: 0, after, bytes: BYTES_AT_ONCE };
    const rows: SandboxRecord[] = await store.listSandboxes({ driver, withoutSecrets: true, page });
    yield* inTurns(rows);
    after = rows.at(-1);
    await pause(PAUSE_MS);
  } while (after !== undefined);
}
