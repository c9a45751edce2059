import { Code, OpenShellError } from '../../compute/errors.js';
import type { SqliteDatabase, SqliteStatement } from './engine.js';
import { storeError } from './errors.js';

/** The database file held as it is, for a copy of it. */
export interface Hold {
  /** Lets the file change again. False when it had to change before. */
  release(): boolean;
}

/** SQLite's log of writes (WAL): when it goes into the database, and when nothing of it may be left. */
interface LogOfWrites {
  /** After every commit, with about what it wrote. */
  committed(bytes: number, erased: boolean): void;
  /** Takes it into the database, so that the next write begins it anew and needs no room. */
  restart(): void;
  /** RESOURCE_EXHAUSTED while another one lasts. */
  hold(): Hold;
  close(): void;
}

/** Pages in the log from which a commit takes them into the database. */
export const AUTO_CHECKPOINT_PAGES = 200;

/** From a deletion to the end of what the log keeps of it; deletions in between share it. */
const ERASE_AFTER_MS = 1_000;
/** A log that grows further ends the hold. */
const HOLD_BYTES = 64 * 1024 * 1024;

export function createLog(database: SqliteDatabase, path: string): LogOfWrites {
  let eraser: NodeJS.Timeout | undefined;
  const statements: Partial<Record<'RESTART' | 'TRUNCATE', SqliteStatement>> = {};
  let held: { bytesLeft: number } | undefined;

  function end(): void {
    held = undefined;
    database.exec(`PRAGMA wal_autocheckpoint = ${AUTO_CHECKPOINT_PAGES}`);
  }

  /** Whether all of the log went into the database. */
  function checkpoint(mode: 'RESTART' | 'TRUNCATE'): boolean {
    statements[mode] ??= database.prepare(`PRAGMA wal_checkpoint(${mode})`);
    try {
      return statements[mode]?.get()?.busy === 0;
    } catch {
      // What the log has more than the database needs room itself.
      return false;
    }
  }

  function erase(): void {
    eraser = undefined;
    if (held !== undefined || !checkpoint('TRUNCATE')) {
      eraseLater();
    }
  }

  function eraseLater(): void {
    eraser ??= setTimeout(erase, ERASE_AFTER_MS).unref();
  }

  return {
    committed(bytes, erased) {
      if (erased) {
        eraseLater();
      }
      if (held === undefined) {
        return;
      }
      held.bytesLeft -= bytes;
      if (held.bytesLeft < 0) {
        end();
      }
    },
    restart() {
      // Room for the writes of others is worth more than a copy.
      if (held !== undefined) {
        end();
      }
      checkpoint('RESTART');
    },
    hold() {
      if (held !== undefined) {
        throw new OpenShellError(Code.RESOURCE_EXHAUSTED, `another backup of ${path} is under way`, {
          reason: 'BackupUnderWay',
          hint: 'try again when it is done',
        });
      }
      if (!checkpoint('TRUNCATE')) {
        throw storeError(new Error('its log cannot be taken into it'), path);
      }
      database.exec('PRAGMA wal_autocheckpoint = 0');
      const hold = { bytesLeft: HOLD_BYTES };
      held = hold;
      return {
        release() {
          const lasted = held === hold;
          if (lasted) {
            end();
          }
          return lasted;
        },
      };
    },
    close() {
      clearTimeout(eraser);
      held = undefined;
    },
  };
}
