import type { LabelSelector } from '../../store/store.js';
import type { Sql, SqlValue } from './sqlite-module.js';

type LabelTable = 'sandbox_label' | 'template_label' | 'workspace_label';

export function insertLabels(
  sql: Sql,
  table: LabelTable,
  owner: string,
  labels: Readonly<Record<string, string>>,
): void {
  for (const [key, value] of Object.entries(labels)) {
    sql.run(`INSERT INTO ${table} (owner, key, value) VALUES (?, ?, ?)`, owner, key, value);
  }
}

/** A condition of a statement with the values for its question marks. */
export interface Clause {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

export function matchLabels(table: LabelTable, selector: LabelSelector): Clause[] {
  return [...selector].map(([key, value]) => ({
    sql: `id IN (SELECT owner FROM ${table} WHERE key = ? AND value = ?)`,
    values: [key, value],
  }));
}
