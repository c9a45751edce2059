import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Podman's default of `exit_command_delay` and what the last of them needs to end. */
const MOST_MS = 360_000;
const POLL_MS = 2_000;
/** Begins the name of every container of a bench. */
const OURS = 'openshell-default--bench-';

async function argumentsOf(pid) {
  return (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).split('\0');
}

/** The processes that wait to clean up after an exec, each with the name of its container. */
async function execMonitors() {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.map(async (pid) => ({ pid, args: await argumentsOf(pid) })));
  return all
    .filter(({ args }) => args[0].endsWith('conmon') && args.includes('--exec-attach'))
    .map(({ pid, args }) => ({ pid, container: args[args.indexOf('-n') + 1] }));
}

/**
 * Podman starts a process to clean up after each exec, five minutes after its end: hundreds of them, from what ran
 * before, would fall into a run.
 */
export async function awaitExecCleanups() {
  const until = performance.now() + MOST_MS;
  for (let told = false; performance.now() < until; told = true) {
    const { length } = await execMonitors();
    if (length === 0) {
      return;
    }
    if (!told) {
      console.error(`waiting until Podman has cleaned up after ${length} earlier execs`);
    }
    await sleep(POLL_MS);
  }
}

/** Ends those of a bench's own containers, which are gone: there is nothing to clean up. */
export async function endExecCleanups() {
  for (const { pid, container } of await execMonitors()) {
    if (container.startsWith(OURS)) {
      kill(pid);
    }
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
