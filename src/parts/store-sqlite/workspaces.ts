import type { WorkspaceRecord } from '../../store/model.js';
import { changedWorkspace, NAMES_TO_READ, newWorkspace, requireEmpty } from '../../store/rules.js';
import type { LabelSelector, Page, WorkspaceChange } from '../../store/store.js';
import { insertLabels } from './labels.js';
import { selectInOrder } from './select.js';
import type { Sql, SqlRow } from './sqlite-module.js';

/** The fields with columns of their own; the rest of a record is its payload. */
type Columns = Pick<WorkspaceRecord, 'id' | 'name' | 'createdAtMs' | 'resourceVersion'>;

function payloadOf(record: WorkspaceRecord): string {
  const { id, name, createdAtMs, resourceVersion, ...payload } = record;
  return JSON.stringify(payload satisfies Omit<WorkspaceRecord, keyof Columns>);
}

function toRecord(row: SqlRow): WorkspaceRecord {
  const columns = {
    id: String(row.id),
    name: String(row.name),
    createdAtMs: Number(row.created_at_ms),
    resourceVersion: Number(row.resource_version),
  } satisfies Columns;
  return { ...columns, ...(JSON.parse(String(row.payload)) as Omit<WorkspaceRecord, keyof Columns>) };
}

export function findWorkspace(sql: Sql, name: string): WorkspaceRecord | undefined {
  const row = sql.get('SELECT * FROM workspace WHERE name = ?', name);
  return row === undefined ? undefined : toRecord(row);
}

export function insertWorkspace(sql: Sql, given: Omit<WorkspaceRecord, 'resourceVersion'>): WorkspaceRecord {
  const record = newWorkspace(
    given,
    sql.get('SELECT 1 FROM workspace WHERE name = ? OR id = ?', given.name, given.id) !== undefined,
  );
  sql.run(
    'INSERT INTO workspace (id, name, created_at_ms, resource_version, payload) VALUES (?, ?, ?, ?, ?)',
    ...[record.id, record.name, record.createdAtMs, record.resourceVersion, payloadOf(record)],
  );
  insertLabels(sql, 'workspace_label', record.id, record.labels);
  return record;
}

export function listWorkspaces(
  sql: Sql,
  query: { readonly selector?: LabelSelector; readonly page?: Page },
): WorkspaceRecord[] {
  return selectInOrder(sql, 'workspace', query).map(toRecord);
}

export function updateWorkspace(
  sql: Sql,
  id: string,
  expectedVersion: number,
  change: WorkspaceChange,
): WorkspaceRecord {
  const row = sql.get('SELECT * FROM workspace WHERE id = ?', id);
  const changed = changedWorkspace(id, row && toRecord(row), expectedVersion, change, (workspace) =>
    firstSandboxes(sql, workspace),
  );
  sql.run(
    'UPDATE workspace SET resource_version = ?, payload = ? WHERE id = ?',
    ...[changed.resourceVersion, payloadOf(changed), id],
  );
  return changed;
}

export function removeWorkspace(sql: Sql, name: string): boolean {
  requireEmpty(name, firstSandboxes(sql, name));
  return sql.run('DELETE FROM workspace WHERE name = ?', name) > 0;
}

function firstSandboxes(sql: Sql, workspace: string): string[] {
  return sql
    .all(
      'SELECT name FROM sandbox WHERE workspace = ? ORDER BY created_at_ms, name LIMIT ?',
      ...[workspace, NAMES_TO_READ],
    )
    .map((row) => String(row.name));
}
