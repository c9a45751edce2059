import { constants } from 'node:fs';
import { chmod, copyFile, open, rm, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { Code, failedPrecondition, notFound, OpenShellError, unavailable } from '../../compute/errors.js';
import type { Backup } from '../../store/entry.js';
import { backupSocket, SAYS } from './backup-server.js';
import { copyInto } from './copy.js';
import { corruptError, storeError } from './errors.js';
import { schemaVersion } from './migrate.js';
import { closeDatabase, findingOf, openAsItIs } from './open-database.js';
import { loadSqlite } from './sqlite-module.js';

const FILE_MODE = 0o600;
const GATEWAY_PATIENCE_MS = 30_000;

/**
 * Copies the database at `path` into the new file `to`, whether a gateway runs on it or not, and checks the copy.
 * ALREADY_EXISTS instead of overwriting a file; an incomplete copy is removed.
 */
export async function backupDatabase(path: string, to: string): Promise<Backup> {
  if ((await stat(path).catch(() => undefined)) === undefined) {
    throw notFound(`there is no database ${path}`, {
      reason: 'StoreMissing',
      hint: 'name it with --db-url, as for the gateway',
    });
  }
  const online = await copy(path, to);
  try {
    return { ...(await seal(to)), online };
  } catch (error) {
    await rm(to, { force: true });
    throw storeError(error, to);
  }
}

/** Returns whether a gateway was asked. */
async function copy(path: string, to: string): Promise<boolean> {
  try {
    const { database } = await openAsItIs(path);
    try {
      await copyInto(database, to);
    } catch (error) {
      throw writeError(error, to);
    } finally {
      closeDatabase(database);
    }
    return false;
  } catch (error) {
    if (OpenShellError.from(error).reason !== 'StoreLocked') {
      throw error;
    }
    await copyOnline(path, to, error);
    return true;
  }
}

async function copyOnline(path: string, to: string, locked: unknown): Promise<void> {
  const socket = await dial(backupSocket(path), locked);
  let made = false;
  try {
    const lines = createInterface(socket)[Symbol.asyncIterator]();
    async function nextLine(): Promise<string> {
      return (await lines.next()).value ?? 'the gateway ended the connection';
    }

    const first = await nextLine();
    if (first !== SAYS.still) {
      throw refused(first);
    }
    await copyFile(path, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).catch((error) => {
      throw writeError(error, to);
    });
    made = true;
    socket.write(`${SAYS.copied}\n`);
    const last = await nextLine();
    if (last !== SAYS.whole) {
      throw refused(last);
    }
  } catch (error) {
    if (made) {
      await rm(to, { force: true });
    }
    throw error;
  } finally {
    socket.destroy();
  }
}

function refused(what: string): OpenShellError {
  return unavailable(`no backup was made: ${what}`, { reason: 'BackupRefused' });
}

function dial(socketPath: string, locked: unknown): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    socket.setTimeout(GATEWAY_PATIENCE_MS, () => socket.destroy(refused('the gateway does not answer')));
    socket.once('connect', () => resolve(socket));
    socket.on('error', (cause: NodeJS.ErrnoException) =>
      reject(
        unavailable(`${OpenShellError.from(locked).message}, which serves no backups: ${cause.message}`, {
          reason: 'StoreLocked',
          hint: 'run this as the user of the gateway, or stop the gateway first',
          cause,
        }),
      ),
    );
  });
}

function writeError(thrown: unknown, to: string): OpenShellError {
  if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') {
    return new OpenShellError(Code.ALREADY_EXISTS, `${to} already exists and is not overwritten`, {
      reason: 'BackupExists',
      hint: 'name a new file',
    });
  }
  if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') {
    return failedPrecondition(`there is no folder ${dirname(to)}`, { reason: 'BackupFolderMissing' });
  }
  return storeError(thrown, to);
}

/** Turns the copy into one plain file on disk, and reads all of it. */
async function seal(to: string): Promise<Omit<Backup, 'online'>> {
  await chmod(to, FILE_MODE);
  const { DatabaseSync } = await loadSqlite();
  const database = new DatabaseSync(to);
  let counted: Omit<Backup, 'online' | 'bytes'>;
  try {
    database.exec('PRAGMA journal_mode = DELETE');
    const finding = findingOf(database);
    if (finding !== undefined) {
      throw corruptError(to, finding);
    }
    counted = {
      schema: schemaVersion(database, to),
      sandboxes: Number(database.prepare('SELECT count(*) AS n FROM sandbox').get()?.n),
    };
  } finally {
    database.close();
  }
  const handle = await open(to, 'r+');
  try {
    await handle.sync();
    return { ...counted, bytes: (await handle.stat()).size };
  } finally {
    await handle.close();
  }
}
