import { moveSecrets } from './move-secrets.js';
import type { SqliteDatabase } from './sqlite-module.js';

/** Marks a database file as this gateway's ("OSGW"). */
export const APPLICATION_ID = 0x4f534757;

/** SQL, or a function for what SQL cannot do; all steps share one transaction. */
export type Migration = string | ((database: SqliteDatabase) => void);

function labelTable(owner: string): string {
  return `CREATE TABLE ${owner}_label (
    owner TEXT NOT NULL REFERENCES ${owner} (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, key)
  ) STRICT, WITHOUT ROWID;`;
}

/**
 * One entry per schema version, from 1; a released entry never changes.
 * `payload` is JSON of the fields that no query uses; it does not repeat the other columns.
 */
export const MIGRATIONS: readonly Migration[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE workspace (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    resource_version INTEGER NOT NULL,
    payload TEXT NOT NULL
  ) STRICT;
  CREATE INDEX workspace_order ON workspace (created_at_ms, name);
  ${labelTable('workspace')}

  CREATE TABLE sandbox (
    id TEXT PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspace (name),
    name TEXT NOT NULL,
    driver TEXT NOT NULL,
    phase TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    resource_version INTEGER NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (workspace, name)
  ) STRICT;
  CREATE INDEX sandbox_order ON sandbox (created_at_ms, name, id);
  CREATE INDEX sandbox_workspace_order ON sandbox (workspace, created_at_ms, name, id);
  CREATE INDEX sandbox_driver_phase ON sandbox (driver, phase);
  ${labelTable('sandbox')}
  CREATE INDEX sandbox_label_value ON sandbox_label (key, value);

  CREATE TABLE tombstone (
    sandbox_id TEXT PRIMARY KEY,
    driver TEXT NOT NULL,
    deleted_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tombstone_age ON tombstone (deleted_at_ms);
  `,
  `
  UPDATE sandbox SET payload = json_set(
    payload,
    '$.spec.restartPolicy', 'never',
    '$.restarts', json('{"count":0,"delayMs":0,"nextAtMs":0}'),
    '$.startedAtMs', 0
  );

  CREATE TABLE template (
    id TEXT PRIMARY KEY,
    workspace TEXT NOT NULL REFERENCES workspace (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    resource_version INTEGER NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (workspace, name)
  ) STRICT;
  CREATE INDEX template_order ON template (created_at_ms, name, id);
  CREATE INDEX template_workspace_order ON template (workspace, created_at_ms, name, id);
  ${labelTable('template')}

  CREATE TABLE request (
    subject TEXT NOT NULL,
    request_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (subject, request_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX request_age ON request (created_at_ms);
  `,
  (database) => {
    database.exec(`
      CREATE TABLE secret (id INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT;
      ALTER TABLE sandbox ADD COLUMN secret_id INTEGER;
      CREATE TRIGGER sandbox_secret AFTER DELETE ON sandbox WHEN old.secret_id IS NOT NULL
        BEGIN DELETE FROM secret WHERE id = old.secret_id; END;
      ALTER TABLE template ADD COLUMN secret_id INTEGER;
      CREATE TRIGGER template_secret AFTER DELETE ON template WHEN old.secret_id IS NOT NULL
        BEGIN DELETE FROM secret WHERE id = old.secret_id; END;

      UPDATE request SET answer = json_remove(
        answer, '$.spec', '$.environment', '$.driverConfig', '$.labels', '$.annotations'
      );
    `);
    moveSecrets(database);
  },
];
