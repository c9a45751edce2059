import { Code, OpenShellError } from '../../compute/errors.js';
import { storeError } from './errors.js';
import type { SqliteDatabase, SqliteStatement } from './sqlite-module.js';

/** Keeps the database file unchanged while it is copied. */
export interface Hold {
  /** Lets the file change again. False when it had to change earlier. */
  release(): boolean;
}

/** SQLite's write-ahead log: when it is checkpointed, and when it is truncated. */
interface LogOfWrites {
  /** Call after every commit, with roughly the bytes it wrote. */
  committed(bytes: number, erased: boolean): void;
  /** Checkpoints the log, so that the next write reuses its space. */
  restart(): void;
  /** RESOURCE_EXHAUSTED during another hold. */
  hold(): Hold;
  close(): void;
}

/** Number of pages in the log at which a commit checkpoints it. */
export const AUTO_CHECKPOINT_PAGES = 200;

/** Time until the log is truncated after a deletion; deletions in between share it. */
const ERASE_AFTER_MS = 1_000;
/** A log that grows beyond this ends the hold. */
const HOLD_BYTES = 64 * 1024 * 1024;

export function createLog(database: SqliteDatabase, path: string): LogOfWrites {
  let eraser: NodeJS.Timeout | undefined;
  const statements: Partial<Record<'RESTART' | 'TRUNCATE', SqliteStatement>> = {};
  let held: { bytesLeft: number } | undefined;

  function end(): void {
    held = undefined;
    database.exec(`PRAGMA wal_autocheckpoint = ${AUTO_CHECKPOINT_PAGES}`);
  }

  /** Returns whether all of the log was checkpointed. */
  function checkpoint(mode: 'RESTART' | 'TRUNCATE'): boolean {
    statements[mode] ??= database.prepare(`PRAGMA wal_checkpoint(${mode})`);
    try {
      return statements[mode]?.get()?.busy === 0;
    } catch {
      // On a full disk there may be no space for what the database grows by.
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
      // Space for writes matters more than a backup.
      if (held !== undefined) {
        end();
      }
      checkpoint('RESTART');
    },
    hold() {
      if (held !== undefined) {
        throw new OpenShellError(Code.RESOURCE_EXHAUSTED, `another backup of ${path} is in progress`, {
          reason: 'BackupUnderWay',
          hint: 'try again when it is done',
        });
      }
      if (!checkpoint('TRUNCATE')) {
        throw storeError(new Error('its log cannot be checkpointed'), path);
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
