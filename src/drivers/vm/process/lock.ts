import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { delay } from '../../../compute/deadline.js';
import { failedPrecondition } from '../../../compute/errors.js';

const RETRY_MS = 50;

/** Names a process for good: its number may be another's later, its number and start time together may not. */
export const identityOf = async (pid: number): Promise<string | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // The program's name, in brackets, may hold anything; the start time is the 20th field after it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : `${pid} ${fields[19]}`;
};

/**
 * Makes this process the only one that works in `directory`, waiting for an earlier one to end. Returns what gives it
 * up. FAILED_PRECONDITION when the other one is still there after `timeoutMs`.
 */
export const lockDirectory = async (directory: string, timeoutMs: number): Promise<() => Promise<void>> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'driver.lock');
  const mine = (await identityOf(process.pid)) ?? String(process.pid);
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, mine, { mode: 0o600 });
  const until = performance.now() + timeoutMs;
  try {
    for (;;) {
      const taken = await link(draft, path).then(
        () => false,
        () => true,
      );
      if (!taken) return () => rm(path, { force: true });
      const holder = await readFile(path, 'utf8').catch(() => '');
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
  } finally {
    await rm(draft, { force: true });
  }
};
