import { failedPrecondition } from '../../compute/errors.js';
import { isFull } from './errors.js';
import { APPLICATION_ID, MIGRATIONS, type Migration } from './schema.js';
import type { SqliteDatabase } from './sqlite-module.js';
import { inTransaction } from './transaction.js';

function read(database: SqliteDatabase, sql: string): number {
  return Number(Object.values(database.prepare(sql).get() ?? {})[0]);
}

/**
 * The file's schema version, 0 for an empty one. FAILED_PRECONDITION when the file is another program's, or was
 * written by a newer gateway; it is then left unchanged.
 */
export function schemaVersion(database: SqliteDatabase, path: string): number {
  const version = read(database, 'PRAGMA user_version');
  const isOurs = read(database, 'PRAGMA application_id') === APPLICATION_ID;
  if (!isOurs && (version !== 0 || read(database, 'SELECT count(*) FROM sqlite_schema') !== 0)) {
    throw failedPrecondition(`${path} is a database of another program`, {
      reason: 'StoreForeign',
      hint: 'give the gateway a file of its own',
    });
  }
  if (version > MIGRATIONS.length) {
    throw failedPrecondition(
      `the database ${path} has schema version ${version}, this gateway knows up to ${MIGRATIONS.length}`,
      {
        reason: 'StoreNewer',
        hint: 'run the gateway that wrote it or a newer one, or start with another file',
      },
    );
  }
  return version;
}

/** Upgrades the schema from `version` to the newest one, all steps or none. Default: this gateway's migrations. */
export function migrate(
  database: SqliteDatabase,
  version: number,
  migrations: readonly Migration[] = MIGRATIONS,
): void {
  if (version === migrations.length) {
    return;
  }
  inTransaction(database, () => {
    for (const step of migrations.slice(version)) {
      if (typeof step === 'string') {
        database.exec(step);
      } else {
        step(database);
      }
    }
    database.exec(`
      PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${migrations.length};
    `);
  });
  if (version > 0 && version < ERASING_SINCE) {
    eraseFreeSpace(database);
  }
}

/** The first schema whose deletions leave no data behind. */
const ERASING_SINCE = 3;

/** Rewrites all pages: data that older gateways deleted is still in free space. */
function eraseFreeSpace(database: SqliteDatabase): void {
  try {
    database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
  } catch (error) {
    // It needs as much space as the file; the upgrade does not depend on it.
    if (!isFull(error)) {
      throw error;
    }
  }
}
