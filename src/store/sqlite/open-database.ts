import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadSqlite, type SqliteDatabase } from './engine.js';
import { corruptError, storeError } from './errors.js';
import { migrate } from './migrate.js';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * EXCLUSIVE before WAL: the file stays locked until it is closed or the process is gone, and no shared memory is
 * needed. WAL was chosen by measurement: one fsync a commit, a third of a rollback journal's time (docs/store.md).
 */
const SETTINGS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA journal_size_limit = 8388608;
`;

/** Makes the file for its owner alone, or takes other people's access away from one that is there. */
const prepareFile = async (path: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
  try {
    await (await open(path, 'wx', FILE_MODE)).close();
  } catch (error) {
    // An existing file is never opened here: closing it would drop this process's own locks on it (POSIX).
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, FILE_MODE);
  }
};

const check = (database: SqliteDatabase, path: string): void => {
  const finding = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
  if (finding !== 'ok') throw corruptError(path, String(finding));
};

/** The database at `path`, made if need be, locked for this process, sound, and of the newest schema. */
export const openDatabase = async (path: string): Promise<SqliteDatabase> => {
  const { DatabaseSync } = await loadSqlite();
  let database: SqliteDatabase | undefined;
  try {
    await prepareFile(path);
    database = new DatabaseSync(path);
    database.exec(SETTINGS);
    check(database, path);
    migrate(database, path);
    return database;
  } catch (error) {
    database?.close();
    throw storeError(error, path);
  }
};
