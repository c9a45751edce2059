import type { SandboxQuery } from '../../store/store.js';
import { type Clause, matchLabels } from './labels.js';
import { withSecret } from './secret-rows.js';
import type { Sql, SqlRow, SqlValue } from './sqlite-module.js';

/** The rows of `table` that match the query and all of `more`, in order of creation, then name, then id. */
export function selectInOrder(
  sql: Sql,
  table: 'sandbox' | 'template' | 'workspace',
  query: Omit<SandboxQuery, 'driver'>,
  more: readonly Clause[] = [],
): SqlRow[] {
  const { workspace, selector, page, withoutSecrets } = query;
  const clauses = [...matchLabels(`${table}_label`, selector ?? new Map()), ...more];
  if (workspace !== undefined) {
    clauses.push({ sql: 'workspace = ?', values: [workspace] });
  }
  if (page?.after !== undefined) {
    const { createdAtMs, name, id } = page.after;
    clauses.push({ sql: '(created_at_ms, name, id) > (?, ?, ?)', values: [createdAtMs, name, id] });
  }
  const columns = table === 'workspace' || withoutSecrets ? '*' : withSecret(table);
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

/** Rows after a given id. */
export function selectPage(
  sql: Sql,
  table: 'sandbox' | 'template' | 'workspace' | 'secret',
  afterId: SqlValue,
  { limit, bytes }: { readonly limit: number; readonly bytes: number },
): SqlRow[] {
  return upTo(bytes, sql.iterate(`SELECT * FROM ${table} WHERE id > ? ORDER BY id LIMIT ?`, afterId, limit));
}

/** The first rows until they reach that size together, at least one. */
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
