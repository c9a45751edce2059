import { setTimeout as pause } from 'node:timers/promises';
import type { SandboxRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';

/** Items between two pauses: about a millisecond of work. */
const AT_ONCE = 20;
const ROWS_AT_ONCE = 40;
const BYTES_AT_ONCE = 512 * 1024;
/** Longer than the work between two pauses, so that most calls are not delayed. */
const PAUSE_MS = 2;

/** Iterates over many items with pauses, so that a gateway with thousands of sandboxes stays responsive. */
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
 * All rows of one driver that exist during the whole iteration, read with pauses as well. Without secrets: read a row
 * again before acting on it.
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
