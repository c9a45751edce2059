import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { copyBeforeUpgrade } from './copy.js';
import { corruptError, storeError } from './errors.js';
import { AUTO_CHECKPOINT_PAGES } from './log-of-writes.js';
import { migrate, schemaVersion } from './migrate.js';
import { MIGRATIONS } from './schema.js';
import { loadSqlite, type SqliteDatabase } from './sqlite-module.js';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Set before WAL: the file then stays locked until it is closed or the process ends, and needs no shared memory.
 * WAL was chosen by measurement: one fsync a commit, where a rollback journal takes several (docs/store.md).
 */
const LOCK = 'PRAGMA locking_mode = EXCLUSIVE';
const SETTINGS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA secure_delete = ON;
  PRAGMA journal_size_limit = 8388608;
  PRAGMA wal_autocheckpoint = ${AUTO_CHECKPOINT_PAGES};
  PRAGMA wal_checkpoint(TRUNCATE);
`;
const UNLOCK = `
  PRAGMA journal_mode = DELETE;
  PRAGMA locking_mode = NORMAL;
  SELECT count(*) FROM sqlite_schema;
`;

/** Folder by folder: Node's recursive mkdir never returns below a folder such as /proc. */
async function prepareFolder(path: string): Promise<void> {
  function make() {
    return mkdir(path, { mode: FOLDER_MODE });
  }

  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      return;
    }
    if (code !== 'ENOENT' || dirname(path) === path) {
      throw error;
    }
    await prepareFolder(dirname(path));
    await make();
  }
}

/** Creates the file, if there is none, for its owner alone. */
async function prepareFile(path: string): Promise<void> {
  await prepareFolder(dirname(path));
  try {
    await (await open(path, 'wx', FILE_MODE)).close();
  } catch (error) {
    // An existing file is never opened here: closing it would drop this process's own locks on it (POSIX).
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error;
    }
  }
}

/** Removes other users' access. Only for what is known to be ours: a path can name anything. */
async function closeToOthers(path: string): Promise<void> {
  if (((await stat(path)).mode & 0o077) !== 0) {
    await chmod(path, FILE_MODE);
  }
}

/** Takes about 0.3 s to read on a fast disk. */
const CHECKED_AT_OPEN_BYTES = 128 * 1024 * 1024;

export interface OpenedDatabase {
  readonly database: SqliteDatabase;
  /** Whether all of it was read. */
  readonly checked: boolean;
}

/** What is wrong with the database; undefined when it is sound. */
export function findingOf(database: SqliteDatabase): string | undefined {
  const finding = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
  return finding === 'ok' ? undefined : String(finding);
}

/**
 * Leaves one plain file. The lock is released before closing, because @photostructure/sqlite really closes only when
 * the last prepared statement has been garbage-collected.
 */
export function closeDatabase(database: SqliteDatabase): void {
  try {
    database.exec(UNLOCK);
  } catch {
    // A full or broken disk: what was committed is in the WAL file, and the next start reads it from there.
  }
  database.close();
}

/** Opens the database at `path` and locks it for this process, whatever its schema. */
export async function openAsItIs(
  path: string,
): Promise<{ readonly database: SqliteDatabase; readonly version: number }> {
  const { DatabaseSync } = await loadSqlite();
  let database: SqliteDatabase | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(LOCK);
    const version = schemaVersion(database, path);
    await closeToOthers(path);
    database.exec(SETTINGS);
    return { database, version };
  } catch (error) {
    if (database !== undefined) {
      closeDatabase(database);
    }
    throw storeError(error, path);
  }
}

/**
 * Opens the database at `path`, creating, checking and upgrading it as needed, and locks it for this process. A file
 * with an older schema is copied first. A large one is not checked here: see `checkInBackground`.
 */
export async function openDatabase(
  path: string,
  checkedAtOpenBytes = CHECKED_AT_OPEN_BYTES,
): Promise<OpenedDatabase> {
  let database: SqliteDatabase | undefined;
  try {
    await prepareFile(path);
    const opened = await openAsItIs(path);
    database = opened.database;
    const checked = (await stat(path)).size <= checkedAtOpenBytes;
    const finding = checked ? findingOf(database) : undefined;
    if (finding !== undefined) {
      throw corruptError(path, finding);
    }
    if (opened.version > 0 && opened.version < MIGRATIONS.length) {
      await copyBeforeUpgrade(database, path, opened.version);
    }
    migrate(database, opened.version);
    return { database, checked };
  } catch (error) {
    if (database !== undefined) {
      closeDatabase(database);
    }
    throw storeError(error, path);
  }
}
