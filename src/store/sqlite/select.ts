import type { Page } from '../store.js';
import type { Sql } from './connection.js';
import type { SqlRow } from './engine.js';
import type { Clause } from './labels.js';

/** The rows of `table` that fulfil all clauses, in order of creation, then name; id settles what is left. */
export const selectInOrder = (
  sql: Sql,
  table: 'sandbox' | 'template' | 'workspace',
  matching: readonly Clause[],
  page: Page | undefined,
): SqlRow[] => {
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
  return sql.all(
    `SELECT * FROM ${table} ${where} ORDER BY created_at_ms, name, id ${limit}`,
    ...clauses.flatMap((clause) => clause.values),
    ...(page === undefined ? [] : [page.limit, page.offset]),
  );
};
