import type { Sql, SqlRow } from './sqlite-module.js';

/**
 * Secrets have a table of their own, on pages that hold nothing else, so that deleting leaves nothing of them.
 * `secure_delete` alone is not enough: when SQLite moves rows between pages to balance its tree, copies stay in the
 * free space of pages, 6 of 4,266 in a trial. Content on overflow pages never moves and is zeroed when it is freed.
 * How much of a row overflows depends on its size (sqlite.org/fileformat.html, 1.6): a row of exactly LOCAL + k * PAGE
 * bytes keeps LOCAL bytes of itself in the tree, and those are blank here.
 */
const PAGE_SIZE = 4096;
const OVERFLOW = PAGE_SIZE - 4;
const LOCAL = Math.floor(((PAGE_SIZE - 12) * 32) / 255) - 23;
/** Header of a row (id, data): its own size, a byte for the id, and the length of data as a varint. */
function headerBytes(dataBytes: number): number {
  return 2 + (2 * dataBytes + 13 < 16_384 ? 2 : 3);
}

const BLANK = ' '.repeat(LOCAL);

/** Pads JSON with white space to the next such size. */
function padded(json: string): string {
  const bytes = BLANK.length + Buffer.byteLength(json);
  for (let size = LOCAL + OVERFLOW; ; size += OVERFLOW) {
    const dataBytes = size - headerBytes(size);
    if (bytes <= dataBytes) {
      return BLANK + json + ' '.repeat(dataBytes - bytes);
    }
  }
}

/** Returns the id of the row; null when there is no secret. */
export function insertSecret(sql: Pick<Sql, 'get'>, secret: object | undefined): number | null {
  if (secret === undefined) {
    return null;
  }
  return Number(
    sql.get('INSERT INTO secret (data) VALUES (?) RETURNING id', padded(JSON.stringify(secret)))?.id,
  );
}

/** The columns of `table` plus the secret of each row. */
export function withSecret(table: 'sandbox' | 'template'): string {
  return `${table}.*, (SELECT data FROM secret WHERE secret.id = ${table}.secret_id) AS secret_data`;
}

/** The secret of a row that was read with `withSecret`. */
export function secretOf<T>(row: SqlRow): T | undefined {
  return typeof row.secret_data === 'string' ? (JSON.parse(row.secret_data) as T) : undefined;
}
