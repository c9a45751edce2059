import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from './connection.js';
import type { SqlRow, SqlValue } from './engine.js';
import { selectPage } from './select.js';

const PAUSE_MS = 5;
const PAGE = { limit: 500, bytes: 512 * 1024 };
const TABLES = ['workspace', 'sandbox', 'template', 'secret'] as const;

/**
 * Reads every row of a database that is too large to be checked before the gateway listens, in small parts. Throws
 * what SQLite says of a page that is damaged.
 */
export async function checkInBackground(read: Connection['read'], signal: AbortSignal): Promise<void> {
  for (const table of TABLES) {
    for (let after: SqlValue | undefined = table === 'secret' ? 0 : ''; after !== undefined; ) {
      const from: SqlValue = after;
      const rows: SqlRow[] = await read((sql) => selectPage(sql, table, from, PAGE));
      after = rows.at(-1)?.id;
      await pause(PAUSE_MS, undefined, { signal });
    }
  }
}
