import type { TemplateRecord } from '../../store/model.js';
import { newTemplate } from '../../store/rules.js';
import { hasDriverSecrets, type Workload, withoutSecrets } from '../../store/secrets.js';
import type { SandboxQuery } from '../../store/store.js';
import { insertLabels } from './labels.js';
import { insertSecret, secretOf, withSecret } from './secret-rows.js';
import { selectInOrder } from './select.js';
import type { Sql, SqlRow } from './sqlite-module.js';
import { findWorkspace } from './workspaces.js';

type TemplateSecret = Partial<Workload>;

/** The fields with columns of their own; the rest of a record, without its secrets, is its payload. */
type Columns = Pick<TemplateRecord, 'id' | 'workspace' | 'name' | 'createdAtMs' | 'resourceVersion'>;

function payloadOf(record: TemplateRecord): string {
  const { id, workspace, name, createdAtMs, resourceVersion, ...payload } = record;
  return JSON.stringify(withoutSecrets(payload satisfies Omit<TemplateRecord, keyof Columns>));
}

export function secretOfTemplate({ environment, driverConfig }: Workload): TemplateSecret | undefined {
  const hasSecrets = hasDriverSecrets(driverConfig);
  if (!hasSecrets && Object.keys(environment).length === 0) {
    return undefined;
  }
  return { environment, ...(hasSecrets ? { driverConfig } : {}) };
}

function toRecord(row: SqlRow): TemplateRecord {
  const columns = {
    id: String(row.id),
    workspace: String(row.workspace),
    name: String(row.name),
    createdAtMs: Number(row.created_at_ms),
    resourceVersion: Number(row.resource_version),
  } satisfies Columns;
  const payload = JSON.parse(String(row.payload)) as Omit<TemplateRecord, keyof Columns>;
  return { ...columns, ...payload, ...secretOf<TemplateSecret>(row) };
}

const WITH_SECRET = withSecret('template');

export function findTemplate(sql: Sql, workspace: string, name: string): TemplateRecord | undefined {
  const row = sql.get(
    `SELECT ${WITH_SECRET} FROM template WHERE workspace = ? AND name = ?`,
    ...[workspace, name],
  );
  return row === undefined ? undefined : toRecord(row);
}

export function insertTemplate(sql: Sql, given: Omit<TemplateRecord, 'resourceVersion'>): TemplateRecord {
  const { id, workspace, name, createdAtMs } = given;
  const record = newTemplate(given, {
    workspace: findWorkspace(sql, workspace),
    nameTaken:
      sql.get('SELECT 1 FROM template WHERE workspace = ? AND name = ?', workspace, name) !== undefined,
    idTaken: sql.get('SELECT 1 FROM template WHERE id = ?', id) !== undefined,
  });
  sql.run(
    `INSERT INTO template (id, workspace, name, created_at_ms, resource_version, payload, secret_id)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ...[id, workspace, name, createdAtMs, record.resourceVersion, payloadOf(record)],
    insertSecret(sql, secretOfTemplate(record)),
  );
  insertLabels(sql, 'template_label', id, record.labels);
  return record;
}

export function listTemplates(sql: Sql, query: Omit<SandboxQuery, 'driver'>): TemplateRecord[] {
  return selectInOrder(sql, 'template', query).map(toRecord);
}

export function removeTemplate(sql: Sql, workspace: string, name: string): boolean {
  return sql.run('DELETE FROM template WHERE workspace = ? AND name = ?', workspace, name) > 0;
}
