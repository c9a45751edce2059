import type { Page } from '../../store/store.js';
import type { SqlRow, SqlValue } from './engine.js';
import type { Clause } from './labels.js';
import type { Sql } from './sql.js';

/** The rows of `table` that fulfil all clauses, in order of creation, then name; id settles what is left. */
export function selectInOrder(
  sql: Sql,
  table: 'sandbox' | 'template' | 'workspace',
  matching: readonly Clause[],
  page: Page | undefined,
  columns = '*',
): SqlRow[] {
  const after = page?.after;
  const clauses =
    after === undefined
      ? matching
      : [
          ...matching,
          {
            sql: '(created_at_ms, name, id) > (?, ?, ?)',
            values: [after.createdAtMs, after.name, after.id],
          },
        ];
  const where = clauses.length === 0 ? '' : `WHERE ${clauses.map((clause) => clause.sql).join(' AND ')}`;
  const limit = page === undefined ? '' : 'LIMIT ? OFFSET ?';
  const text = `SELECT ${columns} FROM ${table} ${where} ORDER BY created_at_ms, name, id ${limit}`;
  const values = [
    ...clauses.flatMap((clause) => clause.values),
    ...(page === undefined ? [] : [page.limit, page.offset]),
  ];
  return page?.bytes === undefined
    ? sql.all(text, ...values)
    : upTo(page.bytes, sql.iterate(text, ...values));
}

/** Rows behind one by its id, whatever they hold. */
export function selectPage(
  sql: Sql,
  table: 'sandbox' | 'template' | 'workspace' | 'secret',
  afterId: SqlValue,
  { limit, bytes }: { readonly limit: number; readonly bytes: number },
): SqlRow[] {
  return upTo(bytes, sql.iterate(`SELECT * FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`, afterId, limit));
}

/** The rows until they are that large together, at least one. */
function upTo(bytes: number, rows: Iterable<SqlRow>): SqlRow[] {
  const taken: SqlRow[] = [];
  let size = 0;
  for (const row of rows) {
    taken.push(row);
    size += sizeOf(row.payload) + sizeOf(row.secret_data) + sizeOf(row.data);
    if (size >= bytes) {
      break;
    }
  }
  return taken;
}

function sizeOf(value: SqlValue | undefined): number {
  return typeof value === 'string' ? value.length : 0;
}
