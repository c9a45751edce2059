import { randomBytes } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';

/**
 * Enough for the log of writes, so that all of it fits into the database, and for the largest write besides:
 * - the largest row is 256 KiB of what the user asked for and 64 KiB of state, and 64 KiB of labels and indexes;
 * - a commit is 256 KiB and one such write more, 0.64 MiB;
 * - the log goes into the database from 200 pages on (0.8 MiB), so that at most 1.44 MiB wait, and as much again is
 *   written before the disk has no room for the log either: 2.9 MiB;
 * - the largest write, of a row and of zeros over the one before: 0.75 MiB.
 */
export const RESERVE_BYTES = 4 * 1024 * 1024;
const MODE = 0o600;

/** Room on the disk that is kept for ending things when there is none for anything else. */
export interface Reserve {
  /** Whether it is there; makes it when it can be made. */
  restore(): boolean;
  /** Gives its room to whoever writes next. False when there was none to give. */
  release(): boolean;
}

/** A file without meaning at `path`, which outlives the process as the database does. */
export function createReserve(path: string): Reserve {
  let isWhole = sizeOf(path) === RESERVE_BYTES;
  return {
    restore() {
      if (isWhole) {
        return true;
      }
      try {
        // Random, or a file system that compresses would keep no room for it.
        writeFileSync(path, randomBytes(RESERVE_BYTES), { mode: MODE });
        isWhole = true;
      } catch {
        remove(path);
      }
      return isWhole;
    },
    release() {
      const given = isWhole;
      isWhole = false;
      remove(path);
      return given;
    },
  };
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where the file cannot be touched, the database cannot either, and says why.
  }
}
