import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempFolder } from './folder.js';

export interface SmallDisk {
  readonly folder: string;
  /** Writes into a file until the last byte of the disk is taken; gives its path. */
  fill(): string;
}

/** A file system of `mib` MiB that goes with the test; undefined, with the test skipped, where there can be none. */
export function mountSmallDisk(t: TestContext, mib: number): SmallDisk | undefined {
  const { path: folder } = tempFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmdirSync(folder);
    return void t.skip(`a small file system cannot be mounted here: ${(error as Error).message}`);
  }
  t.after(() => {
    // Lazily: on Node 20 a closed database keeps its file open until its statements were collected as garbage.
    execFileSync('umount', ['-l', folder]);
    rmdirSync(folder);
  });
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
