import { failedPrecondition, notFound } from '../../compute/errors.js';
import type { WorkspaceRecord } from '../model.js';
import type { LabelSelector, Page } from '../store.js';
import { alreadyExists, assertVersion } from './conflict.js';
import type { Sql } from './connection.js';
import type { SqlRow } from './engine.js';
import { insertLabels, matchLabels } from './labels.js';
import { selectInOrder } from './select.js';

/** How many of the sandboxes that keep a workspace from being removed are named. */
const MAX_NAMED = 10;

/** The fields that are columns; everything else of a record is its payload. */
type Columns = Pick<WorkspaceRecord, 'id' | 'name' | 'createdAtMs' | 'resourceVersion'>;

const payloadOf = (record: WorkspaceRecord): string => {
  const { id, name, createdAtMs, resourceVersion, ...payload } = record;
  return JSON.stringify(payload satisfies Omit<WorkspaceRecord, keyof Columns>);
};

const toRecord = (row: SqlRow): WorkspaceRecord => {
  const columns = {
    id: String(row.id),
    name: String(row.name),
    createdAtMs: Number(row.created_at_ms),
    resourceVersion: Number(row.resource_version),
  } satisfies Columns;
  return { ...columns, ...(JSON.parse(String(row.payload)) as Omit<WorkspaceRecord, keyof Columns>) };
};

export const findWorkspace = (sql: Sql, name: string): WorkspaceRecord | undefined => {
  const row = sql.get('SELECT * FROM workspace WHERE name = ?', name);
  return row === undefined ? undefined : toRecord(row);
};

/** NOT_FOUND, or FAILED_PRECONDITION while it ends. */
export const requireActive = (sql: Sql, name: string): void => {
  const workspace = findWorkspace(sql, name);
  if (workspace === undefined) throw notFound(`workspace '${name}' not found`);
  if (workspace.phase !== 'active')
    throw failedPrecondition(`workspace '${name}' is being deleted`, { reason: 'WorkspaceTerminating' });
};

export const insertWorkspace = (
  sql: Sql,
  given: Omit<WorkspaceRecord, 'resourceVersion'>,
): WorkspaceRecord => {
  const record: WorkspaceRecord = { ...given, resourceVersion: 1 };
  if (sql.get('SELECT 1 FROM workspace WHERE name = ? OR id = ?', record.name, record.id) !== undefined) {
    throw alreadyExists(`workspace '${record.name}'`);
  }
  sql.run(
    'INSERT INTO workspace (id, name, created_at_ms, resource_version, payload) VALUES (?, ?, ?, ?, ?)',
    ...[record.id, record.name, record.createdAtMs, record.resourceVersion, payloadOf(record)],
  );
  insertLabels(sql, 'workspace_label', record.id, record.labels);
  return record;
};

export const listWorkspaces = (
  sql: Sql,
  query: { readonly selector?: LabelSelector; readonly page?: Page },
): WorkspaceRecord[] =>
  selectInOrder(
    sql,
    'workspace',
    matchLabels('workspace_label', query.selector ?? new Map()),
    query.page,
  ).map(toRecord);

export const updateWorkspace = (
  sql: Sql,
  id: string,
  expectedVersion: number,
  change: Partial<Pick<WorkspaceRecord, 'phase' | 'deletionAtMs'>>,
): WorkspaceRecord => {
  const row = sql.get('SELECT * FROM workspace WHERE id = ?', id);
  if (row === undefined) throw notFound(`workspace not found (id '${id}')`);
  const current = toRecord(row);
  assertVersion(`workspace '${current.name}'`, expectedVersion, current.resourceVersion);
  if (change.phase === 'terminating') requireEmpty(sql, current.name);
  const changed: WorkspaceRecord = { ...current, ...change, resourceVersion: current.resourceVersion + 1 };
  sql.run(
    'UPDATE workspace SET resource_version = ?, payload = ? WHERE id = ?',
    ...[changed.resourceVersion, payloadOf(changed), id],
  );
  return changed;
};

export const removeWorkspace = (sql: Sql, name: string): boolean => {
  requireEmpty(sql, name);
  return sql.run('DELETE FROM workspace WHERE name = ?', name) > 0;
};

const requireEmpty = (sql: Sql, name: string): void => {
  const inIt = sql.all(
    'SELECT name FROM sandbox WHERE workspace = ? ORDER BY created_at_ms, name LIMIT ?',
    ...[name, MAX_NAMED + 1],
  );
  if (inIt.length > 0) {
    const names = inIt.slice(0, MAX_NAMED).map((row) => row.name);
    throw failedPrecondition(
      `workspace '${name}' still has sandboxes: ${names.join(', ')}${inIt.length > MAX_NAMED ? ', ...' : ''}`,
      { reason: 'WorkspaceNotEmpty', hint: 'delete them first' },
    );
  }
};
