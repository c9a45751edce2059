import { mkdir, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '../../../compute/errors.js';
import { delay } from '../../../kit/deadline.js';

const RETRY_MS = 50;

/** Identifies a process uniquely by its id, which may be reused, and its start time. */
export async function identityOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // The program's name, in brackets, may contain anything; the start time is the 20th field after it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : `${pid} ${fields[19]}`;
}

/**
 * Makes this process the only one that uses `directory`, waiting for an earlier one to end. Returns a function that
 * releases it. FAILED_PRECONDITION when the other one still runs after `timeoutMs`. The lock is a link that names its
 * process: unlike a file, it can be written on a full disk.
 */
export async function lockDirectory(directory: string, timeoutMs: number): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'driver.lock');
  const mine = (await identityOf(process.pid)) ?? String(process.pid);
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      await symlink(mine, path);
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
    }
    const holder = await readlink(path).catch(() => '');
    const pid = Number(holder.split(' ')[0]);
    if (holder !== '' && (await identityOf(pid)) !== holder) {
      await rm(path, { force: true });
    } else if (performance.now() > until) {
      throw failedPrecondition(`another driver process (${pid}) uses ${directory}`, {
        reason: 'DriverRunning',
        hint: 'end that process first',
      });
    } else {
      await delay(RETRY_MS);
    }
  }
}
