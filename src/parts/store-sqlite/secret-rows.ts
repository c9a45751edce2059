import type { Sql, SqlRow } from './engine.js';

/**
 * Secrets stand in a table of their own, on pages that hold nothing else, so that deleting leaves nothing of them.
 * `secure_delete` alone does not do that: when SQLite moves rows between pages to balance its tree, copies stay behind
 * in the gaps of pages, 6 of 4,266 in a trial. What lies on overflow pages never moves and is zeroed when it is freed.
 * How much of a row overflows follows from its size (sqlite.org/fileformat.html, 1.6): one of exactly LOCAL + k * PAGE
 * bytes keeps LOCAL bytes of itself in the tree, and those are blank here.
 */
const PAGE_SIZE = 4096;
const OVERFLOW = PAGE_SIZE - 4;
const LOCAL = Math.floor(((PAGE_SIZE - 12) * 32) / 255) - 23;
/** Of a row (id, data): its own size, a byte for the id, and the length of data as a varint. */
function headerBytes(dataBytes: number): number {
  return 2 + (2 * dataBytes + 13 < 16_384 ? 2 : 3);
}

const BLANK = ' '.repeat(LOCAL);

/** JSON with white space around it, as large as it has to be. */
function laidOut(json: string): string {
  const bytes = BLANK.length + Buffer.byteLength(json);
  for (let size = LOCAL + OVERFLOW; ; size += OVERFLOW) {
    const dataBytes = size - headerBytes(size);
    if (bytes <= dataBytes) {
      return BLANK + json + ' '.repeat(dataBytes - bytes);
    }
  }
}

/** Gives the id of the row; null where there is nothing to keep. */
export function insertSecret(sql: Pick<Sql, 'get'>, secret: object | undefined): number | null {
  if (secret === undefined) {
    return null;
  }
  return Number(
    sql.get('INSERT INTO secret (data) VALUES (?) RETURNING id', laidOut(JSON.stringify(secret)))?.id,
  );
}

/** Columns of `table` with the secret of each row beside them. */
export function withSecret(table: 'sandbox' | 'template'): string {
  return `${table}.*, (SELECT data FROM secret WHERE secret.id = ${table}.secret_id) AS secret_data`;
}

/** The secret of a row that was read with it. */
export function secretOf<T>(row: SqlRow): T | undefined {
  return typeof row.secret_data === 'string' ? (JSON.parse(row.secret_data) as T) : undefined;
}
