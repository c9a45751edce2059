import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Podman's default of `exit_command_delay` and what the last of them needs to end. */
const MOST_MS = 360_000;
const POLL_MS = 2_000;

const isExecMonitor = async (pid) => {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
  return commandLine.includes('conmon') && commandLine.split('\0').includes('--exec-attach');
};

const execMonitors = async () => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return (await Promise.all(pids.map(isExecMonitor))).filter(Boolean).length;
};

/**
 * Podman starts a process to clean up after each exec, five minutes after its end: hundreds of them, of an earlier run,
 * would fall into this one.
 */
export const awaitExecCleanups = async () => {
  const until = performance.now() + MOST_MS;
  for (let told = false; performance.now() < until; told = true) {
    const count = await execMonitors();
    if (count === 0) return;
    if (!told) console.error(`waiting until Podman has cleaned up after ${count} earlier execs`);
    await sleep(POLL_MS);
  }
};
