import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { withDeadline } from '../../kit/deadline.js';
import { EXEC_MARK_VARIABLE, type SignalExec } from '../container-exec/exec-kill.js';
import { mapLimited } from './map-limited.js';

/** A container's processes as the engine's host numbers them. */
interface ContainerProcesses {
  readonly containerId: string;
  /** The container's first process. */
  readonly firstPid: number;
}

/** How many processes of the host are looked at before others have their turn. */
const LOOKS_AT_ONCE = 256;
/** Variables of a process; the kernel allows no more by default. */
const MOST_ENVIRONMENT_BYTES = 2 * 1024 * 1024;
const READ_BYTES = 64 * 1024;
/** A process may keep its own memory from being read in time; it is found by its parents then. */
const READ_TIMEOUT_MS = 1_000;
/** Processes are stopped before they are killed, so that they make no others meanwhile; so often they are looked for. */
const STOP_ROUNDS = 20;
/** Half of the threads that this process reads files with. */
const READS_AT_ONCE = 2;

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** In ticks since the host's start: a number that is given again has another. */
  readonly startedAt: string;
}

/** State, parent and start of a process; undefined when it is over. */
function look(pid: number): Process | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name is in parentheses and may contain anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state = 'X', parent = '0'] = fields;
    return 'ZX'.includes(state) ? undefined : { pid, parent: Number(parent), startedAt: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** The process namespace that a process is in; undefined when it is over or may not be looked at. */
function namespaceOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/**
 * The process namespace of a container, when this process sees the same processes as its engine and may look at them. Its
 * first process is known by its parent, the engine's own, which has the container's id among its arguments.
 */
function containerNamespace({ containerId, firstPid }: ContainerProcesses): string | undefined {
  const first = firstPid > 0 ? look(firstPid) : undefined;
  const namespace = namespaceOf(firstPid);
  if (first === undefined || namespace === undefined || namespace === namespaceOf('self')) {
    return undefined;
  }
  try {
    const argv = readFileSync(`/proc/${first.parent}/cmdline`, 'utf8').split('\0');
    return argv.includes(containerId) ? namespace : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the processes of this container can be seen and signalled from here. */
export function canSignal(container: ContainerProcesses): boolean {
  if (containerNamespace(container) === undefined) {
    return false;
  }
  try {
    return process.kill(container.firstPid, 0);
  } catch {
    return false;
  }
}

async function members(namespace: string): Promise<Process[]> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found: Process[] = [];
  for (let at = 0; at < pids.length; at += LOOKS_AT_ONCE) {
    for (const name of pids.slice(at, at + LOOKS_AT_ONCE)) {
      const pid = Number(name);
      const seen = namespaceOf(pid) === namespace ? look(pid) : undefined;
      if (seen !== undefined) {
        found.push(seen);
      }
    }
    await new Promise(setImmediate);
  }
  return found;
}

/** Whether a process carries this variable. Not read at once: it is the process's own memory, which may be slow to come. */
function carries(pid: number, variable: string): Promise<boolean> {
  return withDeadline(READ_TIMEOUT_MS, undefined, async (signal) => {
    const file = await open(`/proc/${pid}/environ`);
    try {
      const buffer = Buffer.alloc(READ_BYTES);
      let before = '\0';
      for (let at = 0; at < MOST_ENVIRONMENT_BYTES && !signal.aborted; at += READ_BYTES) {
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES, at);
        const text = before + buffer.toString('latin1', 0, bytesRead);
        if (text.includes(`\0${variable}\0`)) {
          return true;
        }
        if (bytesRead < READ_BYTES) {
          break;
        }
        before = text.slice(-variable.length - 2);
      }
      return false;
    } finally {
      await file.close();
    }
  }).catch(() => false);
}

/**
 * Signals to the processes of one exec from outside its container, or undefined when they cannot be seen or signalled
 * from here. Its processes are `execPid`, whoever carries its mark, and all their children. No other is signalled than one
 * that is in the container's process namespace at that moment and began when it was found.
 */
export function signalFromOutside(
  container: ContainerProcesses,
  execPid: number,
  execId: string,
): SignalExec | undefined {
  const namespace = canSignal(container) ? containerNamespace(container) : undefined;
  if (namespace === undefined) {
    return undefined;
  }
  const variable = `${EXEC_MARK_VARIABLE}=${execId}`;

  const find = async (): Promise<Process[]> => {
    const all = await members(namespace);
    const mine = new Set(all.filter(({ pid }) => pid === execPid).map(({ pid }) => pid));
    function addChildren() {
      for (let before = -1; before < mine.size; ) {
        before = mine.size;
        for (const { pid, parent } of all) {
          if (mine.has(parent)) {
            mine.add(pid);
          }
        }
      }
    }

    addChildren();
    const unknown = all.filter(({ pid }) => !mine.has(pid) && pid !== container.firstPid);
    const marked = await mapLimited(unknown, READS_AT_ONCE, ({ pid }) => carries(pid, variable));
    for (const [i, { pid }] of unknown.entries()) {
      if (marked[i]) {
        mine.add(pid);
      }
    }
    addChildren();
    return all.filter(({ pid }) => mine.has(pid));
  };

  function send({ pid, startedAt }: Process, signal: NodeJS.Signals): void {
    if (look(pid)?.startedAt !== startedAt || namespaceOf(pid) !== namespace) {
      return;
    }
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
        throw error;
      }
    }
  }

  async function stopAll(): Promise<Process[]> {
    const stopped = new Set<number>();
    for (let round = 0; ; round++) {
      const found = await find();
      const fresh = found.filter(({ pid }) => !stopped.has(pid));
      if (fresh.length === 0 || round === STOP_ROUNDS) {
        return found;
      }
      for (const one of fresh) {
        send(one, 'SIGSTOP');
        stopped.add(one.pid);
      }
    }
  }

  return async (signal) => {
    const found = signal === 'KILL' ? await stopAll() : await find();
    if (signal !== '0') {
      for (const one of found) {
        send(one, `SIG${signal}`);
      }
    }
    return found.length;
  };
}
