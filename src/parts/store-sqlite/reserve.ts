import { randomBytes } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';

/**
 * Enough space to checkpoint the whole log and for the largest write besides:
 * - the largest row is 256 KiB of what the user requested and 64 KiB of state, and 64 KiB of labels and indexes;
 * - a commit is 256 KiB plus one such write, 0.64 MiB;
 * - the log is checkpointed from 200 pages on (0.8 MiB), so that it holds at most 1.44 MiB, and as much again is
 *   written before the disk has no space for the log either: 2.9 MiB;
 * - the largest write, of a row and of zeros over the previous one: 0.75 MiB.
 */
export const RESERVE_BYTES = 4 * 1024 * 1024;
const MODE = 0o600;

/** Disk space kept for stops and deletes when there is none for anything else. */
export interface Reserve {
  /** Creates it if possible; returns whether it exists. */
  restore(): boolean;
  /** Frees its space. False when there was nothing to free. */
  release(): boolean;
}

/** A placeholder file at `path`, which outlives the process as the database does. */
export function createReserve(path: string): Reserve {
  let isWhole = sizeOf(path) === RESERVE_BYTES;
  return {
    restore() {
      if (isWhole) {
        return true;
      }
      try {
        // Random, because a file system that compresses would reserve no space otherwise.
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
    // If the file cannot be removed, neither can the database be written, and that error says why.
  }
}
