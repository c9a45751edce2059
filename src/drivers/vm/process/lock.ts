import { mkdir, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition } from '../../../compute/errors.js';
import { delay } from '../../../kit/deadline.js';

const RETRY_MS = 50;

/** Names a process for good: its number may be another's later, its number and start time together may not. */
export async function identityOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // The program's name, in brackets, may hold anything; the start time is the 20th field after it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : `${pid} ${fields[19]}`;
}

/**
 * Makes this process the only one that works in `directory`, waiting for an earlier one to end. Returns what gives it
 * up. FAILED_PRECONDITION when the other one is still there after `timeoutMs`. The lock is a link that names its
 * process: unlike a file's bytes, a name so short is written on a full disk too.
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
      throw failedPrecondition(`another driver process (${pid}) works in ${directory}`, {
        reason: 'DriverRunning',
        hint: 'end it first',
      });
    } else {
      await delay(RETRY_MS);
    }
  }
}
