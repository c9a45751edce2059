import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SandboxRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';

/** Gone through before other work gets its turn: a few milliseconds. */
const AT_ONCE = 50;
const ROWS_AT_ONCE = 200;

/** Goes through many items with pauses, so that a gateway with thousands of sandboxes goes on answering. */
export async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T> {
  let count = 0;
  for (const item of items) {
    if (++count % AT_ONCE === 0) await nextTurn();
    yield item;
  }
}

/** All rows of one driver, read with pauses as well. One that is removed meanwhile may hide another until the next time. */
export async function* rowsOf(store: Store, driver: string): AsyncGenerator<SandboxRecord> {
  for (let offset = 0; ; offset += ROWS_AT_ONCE) {
    const rows = await store.listSandboxes({ driver, page: { limit: ROWS_AT_ONCE, offset } });
    yield* inTurns(rows);
    if (rows.length < ROWS_AT_ONCE) return;
    await nextTurn();
  }
}
