import { failedPrecondition } from '../../compute/errors.js';
import type { SqliteDatabase } from './engine.js';
import { APPLICATION_ID, MIGRATIONS } from './schema.js';

const pragma = (database: SqliteDatabase, name: string): number =>
  Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);

/**
 * Brings the schema to the newest version, all steps or none. FAILED_PRECONDITION when the file is another
 * program's, or was written by a newer gateway.
 */
export const migrate = (database: SqliteDatabase, path: string): void => {
  const version = pragma(database, 'user_version');
  const isOurs = pragma(database, 'application_id') === APPLICATION_ID;
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count;
  if (!isOurs && (version !== 0 || tables !== 0)) {
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
  if (version === MIGRATIONS.length) return;
  const steps = MIGRATIONS.slice(version).join('\n');
  database.exec(`
    BEGIN IMMEDIATE;
    ${steps}
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${MIGRATIONS.length};
    COMMIT;
  `);
};
