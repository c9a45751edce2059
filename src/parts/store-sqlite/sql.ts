import type { SqlRow, SqlValue } from './engine.js';

/** SQL as the rooms of the store run it; statements are prepared once. */
export interface Sql {
  get(sql: string, ...values: SqlValue[]): SqlRow | undefined;
  all(sql: string, ...values: SqlValue[]): SqlRow[];
  /** One row after the other; ends with the loop over it. */
  iterate(sql: string, ...values: SqlValue[]): Iterable<SqlRow>;
  /** The number of rows it changed. */
  run(sql: string, ...values: SqlValue[]): number;
}
