import type { JsonObject } from '../../compute/sandbox.js';
import type { SandboxRecord } from '../../store/model.js';
import { changedSandbox, newSandbox } from '../../store/rules.js';
import { hasDriverSecrets, specWithoutSecrets } from '../../store/secrets.js';
import type { SandboxChange, SandboxQuery } from '../../store/store.js';
import { insertLabels } from './labels.js';
import { insertSecret, secretOf, withSecret } from './secret-rows.js';
import { selectInOrder } from './select.js';
import type { Sql, SqlRow } from './sqlite-module.js';
import { findWorkspace } from './workspaces.js';

/** The secrets of a spec, which are stored apart. */
interface SpecSecret {
  readonly environment: SandboxRecord['spec']['environment'];
  readonly templateEnvironment: SandboxRecord['spec']['environment'];
  /** Only if it holds secrets; the payload has it without them. */
  readonly driverConfig?: JsonObject | undefined;
}

/** The fields with columns of their own; the rest of a record, without its secrets, is its payload. */
type Columns = Pick<
  SandboxRecord,
  'id' | 'workspace' | 'name' | 'driver' | 'phase' | 'createdAtMs' | 'resourceVersion'
>;

function payloadOf(record: SandboxRecord): string {
  const { id, workspace, name, driver, phase, createdAtMs, resourceVersion, ...payload } = record;
  const open: Omit<SandboxRecord, keyof Columns> = { ...payload, spec: specWithoutSecrets(payload.spec) };
  return JSON.stringify(open);
}

export function secretOfSpec({ environment, template }: SandboxRecord['spec']): SpecSecret | undefined {
  const { driverConfig } = template;
  const hasSecrets = hasDriverSecrets(driverConfig);
  const names = { ...environment, ...template.environment };
  if (!hasSecrets && Object.keys(names).length === 0) {
    return undefined;
  }
  return { environment, templateEnvironment: template.environment, ...(hasSecrets ? { driverConfig } : {}) };
}

function withSpecSecret(record: SandboxRecord, secret: SpecSecret | undefined): SandboxRecord {
  if (secret === undefined) {
    return record;
  }
  const { environment, templateEnvironment, driverConfig } = secret;
  const { template } = record.spec;
  return {
    ...record,
    spec: {
      ...record.spec,
      environment,
      template: {
        ...template,
        environment: templateEnvironment,
        driverConfig: driverConfig ?? template.driverConfig,
      },
    },
  };
}

function toRecord(row: SqlRow): SandboxRecord {
  const columns = {
    id: String(row.id),
    workspace: String(row.workspace),
    name: String(row.name),
    driver: String(row.driver),
    phase: row.phase as SandboxRecord['phase'],
    createdAtMs: Number(row.created_at_ms),
    resourceVersion: Number(row.resource_version),
  } satisfies Columns;
  const payload = JSON.parse(String(row.payload)) as Omit<SandboxRecord, keyof Columns>;
  return withSpecSecret({ ...columns, ...payload }, secretOf(row));
}

const WITH_SECRET = withSecret('sandbox');

export function getSandbox(sql: Sql, id: string): SandboxRecord | undefined {
  const row = sql.get(`SELECT ${WITH_SECRET} FROM sandbox WHERE id = ?`, id);
  return row === undefined ? undefined : toRecord(row);
}

export function findSandbox(sql: Sql, workspace: string, name: string): SandboxRecord | undefined {
  const row = sql.get(
    `SELECT ${WITH_SECRET} FROM sandbox WHERE workspace = ? AND name = ?`,
    ...[workspace, name],
  );
  return row === undefined ? undefined : toRecord(row);
}

export function insertSandbox(sql: Sql, given: Omit<SandboxRecord, 'resourceVersion'>): SandboxRecord {
  const { id, workspace, name, driver, phase, createdAtMs } = given;
  const record = newSandbox(given, {
    workspace: findWorkspace(sql, workspace),
    nameTaken:
      sql.get('SELECT 1 FROM sandbox WHERE workspace = ? AND name = ?', workspace, name) !== undefined,
    idTaken: sql.get('SELECT 1 FROM sandbox WHERE id = ?', id) !== undefined,
  });
  sql.run(
    `INSERT INTO sandbox
       (id, workspace, name, driver, phase, created_at_ms, resource_version, payload, secret_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[id, workspace, name, driver, phase, createdAtMs, record.resourceVersion, payloadOf(record)],
    insertSecret(sql, secretOfSpec(record.spec)),
  );
  insertLabels(sql, 'sandbox_label', id, record.labels);
  return record;
}

export function listSandboxes(sql: Sql, query: SandboxQuery): SandboxRecord[] {
  // The plus makes SQLite follow the list's index; with that of drivers it would sort all rows for every page.
  const ofDriver = query.driver === undefined ? [] : [{ sql: '+driver = ?', values: [query.driver] }];
  return selectInOrder(sql, 'sandbox', query, ofDriver).map(toRecord);
}

export function countSandboxes(sql: Sql): { driver: string; phase: string; count: number }[] {
  return sql
    .all('SELECT driver, phase, count(*) AS count FROM sandbox GROUP BY driver, phase')
    .map((row) => ({ driver: String(row.driver), phase: String(row.phase), count: Number(row.count) }));
}

export function updateSandbox(
  sql: Sql,
  id: string,
  expectedVersion: number,
  change: SandboxChange,
): SandboxRecord {
  const changed = changedSandbox(id, getSandbox(sql, id), expectedVersion, change);
  sql.run(
    'UPDATE sandbox SET phase = ?, resource_version = ?, payload = ? WHERE id = ?',
    ...[changed.phase, changed.resourceVersion, payloadOf(changed), id],
  );
  return changed;
}

export function removeSandbox(sql: Sql, id: string, deletedAtMs: number): boolean {
  const buried = sql.run(
    `INSERT OR REPLACE INTO tombstone (sandbox_id, driver, deleted_at_ms)
     SELECT id, driver, ? FROM sandbox WHERE id = ?`,
    ...[deletedAtMs, id],
  );
  if (buried === 0) {
    return false;
  }
  sql.run('DELETE FROM sandbox WHERE id = ?', id);
  return true;
}
