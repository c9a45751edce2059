import { notFound } from '../../compute/errors.js';
import type { SandboxRecord } from '../model.js';
import type { SandboxChange, SandboxQuery } from '../store.js';
import { alreadyExists, assertVersion } from './conflict.js';
import type { Sql } from './connection.js';
import type { SqlRow } from './engine.js';
import { type Clause, insertLabels, matchLabels } from './labels.js';
import { selectInOrder } from './select.js';
import { requireActive } from './workspaces.js';

/** The fields that are columns; everything else of a record is its payload. */
type Columns = Pick<
  SandboxRecord,
  'id' | 'workspace' | 'name' | 'driver' | 'phase' | 'createdAtMs' | 'resourceVersion'
>;

const payloadOf = (record: SandboxRecord): string => {
  const { id, workspace, name, driver, phase, createdAtMs, resourceVersion, ...payload } = record;
  return JSON.stringify(payload satisfies Omit<SandboxRecord, keyof Columns>);
};

const toRecord = (row: SqlRow): SandboxRecord => {
  const columns = {
    id: String(row.id),
    workspace: String(row.workspace),
    name: String(row.name),
    driver: String(row.driver),
    phase: row.phase as SandboxRecord['phase'],
    createdAtMs: Number(row.created_at_ms),
    resourceVersion: Number(row.resource_version),
  } satisfies Columns;
  return { ...columns, ...(JSON.parse(String(row.payload)) as Omit<SandboxRecord, keyof Columns>) };
};

export const getSandbox = (sql: Sql, id: string): SandboxRecord | undefined => {
  const row = sql.get('SELECT * FROM sandbox WHERE id = ?', id);
  return row === undefined ? undefined : toRecord(row);
};

export const findSandbox = (sql: Sql, workspace: string, name: string): SandboxRecord | undefined => {
  const row = sql.get('SELECT * FROM sandbox WHERE workspace = ? AND name = ?', workspace, name);
  return row === undefined ? undefined : toRecord(row);
};

export const insertSandbox = (sql: Sql, given: Omit<SandboxRecord, 'resourceVersion'>): SandboxRecord => {
  const record: SandboxRecord = { ...given, resourceVersion: 1 };
  const { id, workspace, name, driver, phase, createdAtMs, resourceVersion } = record;
  requireActive(sql, workspace);
  if (sql.get('SELECT 1 FROM sandbox WHERE workspace = ? AND name = ?', workspace, name) !== undefined) {
    throw alreadyExists(`sandbox '${name}'`);
  }
  if (sql.get('SELECT 1 FROM sandbox WHERE id = ?', id) !== undefined) {
    throw alreadyExists(`sandbox with id '${id}'`);
  }
  sql.run(
    `INSERT INTO sandbox (id, workspace, name, driver, phase, created_at_ms, resource_version, payload)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[id, workspace, name, driver, phase, createdAtMs, resourceVersion, payloadOf(record)],
  );
  insertLabels(sql, 'sandbox_label', id, record.labels);
  return record;
};

export const listSandboxes = (sql: Sql, query: SandboxQuery): SandboxRecord[] => {
  const clauses: Clause[] = matchLabels('sandbox_label', query.selector ?? new Map());
  if (query.workspace !== undefined) clauses.push({ sql: 'workspace = ?', values: [query.workspace] });
  // With the plus SQLite goes along the order; by its index of drivers it would sort all their rows for every page.
  if (query.driver !== undefined) clauses.push({ sql: '+driver = ?', values: [query.driver] });
  return selectInOrder(sql, 'sandbox', clauses, query.page).map(toRecord);
};

export const countSandboxes = (sql: Sql): { driver: string; phase: string; count: number }[] =>
  sql
    .all('SELECT driver, phase, count(*) AS count FROM sandbox GROUP BY driver, phase')
    .map((row) => ({ driver: String(row.driver), phase: String(row.phase), count: Number(row.count) }));

export const updateSandbox = (
  sql: Sql,
  id: string,
  expectedVersion: number,
  change: SandboxChange,
): SandboxRecord => {
  const current = getSandbox(sql, id);
  if (current === undefined) throw notFound(`sandbox not found (id '${id}')`);
  assertVersion(`sandbox '${current.name}'`, expectedVersion, current.resourceVersion);
  const changed: SandboxRecord = { ...current, ...change, resourceVersion: current.resourceVersion + 1 };
  sql.run(
    'UPDATE sandbox SET phase = ?, resource_version = ?, payload = ? WHERE id = ?',
    ...[changed.phase, changed.resourceVersion, payloadOf(changed), id],
  );
  return changed;
};

export const removeSandbox = (sql: Sql, id: string, deletedAtMs: number): boolean => {
  const buried = sql.run(
    `INSERT OR REPLACE INTO tombstone (sandbox_id, driver, deleted_at_ms)
     SELECT id, driver, ? FROM sandbox WHERE id = ?`,
    ...[deletedAtMs, id],
  );
  if (buried === 0) return false;
  sql.run('DELETE FROM sandbox WHERE id = ?', id);
  return true;
};
