import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { tempFolder } from './folder.js';

export interface SmallDisk {
  readonly folder: string;
  /** Writes into a file until the last byte of the disk is taken; gives its path. */
  fill(): string;
  unmount(): void;
}

/** A file system of `mib` MiB; why not, where none can be mounted. */
export function mountSmallDisk(mib = 8): SmallDisk | string {
  const { path: folder } = tempFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmdirSync(folder);
    return `a small file system cannot be mounted here: ${(error as Error).message}`;
  }
  return {
    folder,
    fill() {
      const ballast = join(folder, 'ballast');
      const file = openSync(ballast, 'a');
      for (let size = 64 * 1024; size > 0; ) {
        size = written(file, size) ? size : Math.floor(size / 16);
      }
      closeSync(file);
      return ballast;
    },
    unmount() {
      // Lazily: on Node 20 a closed database keeps its file open until its statements were collected as garbage.
      execFileSync('umount', ['-l', folder]);
      rmdirSync(folder);
    },
  };
}

function written(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size, 1)) === size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      return false;
    }
    throw error;
  }
}
