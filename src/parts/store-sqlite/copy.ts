import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { storeError } from './errors.js';
import type { SqliteDatabase } from './sqlite-module.js';

const FILE_MODE = 0o600;
/** How many copies from before an upgrade are kept, of the latest schemas. */
const KEPT = 2;

/** Writes the database, without remains of deleted data, into a new file. EEXIST when the file exists. */
export async function copyInto(database: SqliteDatabase, file: string): Promise<void> {
  const handle = await open(file, 'wx', FILE_MODE);
  try {
    // SQLite treats an empty file as new, and keeps its mode.
    database.prepare('VACUUM INTO ?').run(file);
    await handle.sync();
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/** Copies the file, with its schema version in the copy's name. The upgrade fails without it. */
export async function copyBeforeUpgrade(
  database: SqliteDatabase,
  path: string,
  version: number,
): Promise<void> {
  const prefix = `${basename(path)}-schema`;
  const folder = dirname(path);
  const unfinished = `${path}-copy`;
  try {
    await rm(unfinished, { force: true });
    await copyInto(database, unfinished);
    await rename(unfinished, join(folder, `${prefix}${version}`));
    const versions = (await readdir(folder))
      .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      .map((name) => Number(name.slice(prefix.length)))
      .sort((a, b) => b - a);
    for (const old of versions.slice(KEPT)) {
      await rm(join(folder, `${prefix}${old}`));
    }
  } catch (error) {
    throw storeError(error, unfinished);
  }
}
