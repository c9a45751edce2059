import type { SandboxRecord, TemplateRecord } from '../../store/model.js';
import { specWithoutSecrets, withoutSecrets } from '../../store/secrets.js';
import { secretOfSpec } from './sandboxes.js';
import { insertSecret } from './secret-rows.js';
import type { SqliteDatabase, SqlValue } from './sqlite-module.js';
import { secretOfTemplate } from './templates.js';

/** Moves the secrets out of the payloads of schema 2, row by row: a file can be larger than memory. */
export function moveSecrets(database: SqliteDatabase): void {
  const insert = database.prepare('INSERT INTO secret (data) VALUES (?) RETURNING id');
  const sql = { get: (_: string, ...values: SqlValue[]) => insert.get(...values) };

  function move<T>(
    table: 'sandbox' | 'template',
    split: (payload: T) => { open: T; secret: object | undefined },
  ): void {
    const read = database.prepare(`SELECT payload FROM ${table} WHERE id = ?`);
    const write = database.prepare(`UPDATE ${table} SET payload = ?, secret_id = ? WHERE id = ?`);
    for (const { id = null } of database.prepare(`SELECT id FROM ${table}`).all()) {
      const { open, secret } = split(JSON.parse(String(read.get(id)?.payload)) as T);
      write.run(JSON.stringify(open), insertSecret(sql, secret), id);
    }
  }

  move<Pick<SandboxRecord, 'spec'>>('sandbox', (payload) => ({
    open: { ...payload, spec: specWithoutSecrets(payload.spec) },
    secret: secretOfSpec(payload.spec),
  }));
  move<Pick<TemplateRecord, 'environment' | 'driverConfig'>>('template', (payload) => ({
    open: withoutSecrets(payload),
    secret: secretOfTemplate(payload),
  }));
}
