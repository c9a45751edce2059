import { EXEC_KILL_GRACE_MS } from '../../compute/driver.js';
import { delay } from '../../kit/deadline.js';

/** The variable that marks every process of one exec, its children included. */
export const EXEC_MARK_VARIABLE = 'OPENSHELL_EXEC_ID';

/** KILL is repeated while processes that were just being made turn up. */
const KILL_ROUNDS = 5;
const FIRST_LOOK_MS = 100;

/**
 * The argv of a second exec that ends all processes of a first one. No engine can end an exec: so each carries a
 * variable of its own, and this looks for it in every /proc/<pid>/environ. It uses what a bare /bin/sh has built in.
 * Prints the number of processes that it signalled. Signal 0 only counts them.
 */
export function execKillCommand(execId: string, signal: 'TERM' | 'KILL' | '0'): string[] {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(execId)) {
    throw new RangeError(`'${execId}' is no exec id`);
  }
  const mark = `${EXEC_MARK_VARIABLE}=${execId}`;
  // A read drops the NUL bytes between variables, so the mark is inside a longer line.
  const script = [
    'n=0',
    'for d in /proc/[0-9]*; do',
    '  { while IFS= read -r l || [ -n "$l" ]; do',
    `    case "$l" in *"$1"*) kill -s ${signal} "\${d#/proc/}" && n=$((n+1)); break;; esac`,
    '  done < "$d/environ"; } 2>/dev/null',
    'done',
    'echo "$n"',
  ].join('\n');
  return ['/bin/sh', '-c', script, 'openshell-exec-kill', mark];
}

/** A signal to all processes of an exec; resolves with how many there are. Signal 0 only counts them. */
export type SignalExec = (signal: 'TERM' | 'KILL' | '0') => Promise<number>;

/**
 * Ends all processes of an exec: TERM, then KILL for those left after the grace. Resolves when none is left;
 * rejects when `signal` does, or with an Error when some remain.
 */
export async function endExec(signal: SignalExec): Promise<void> {
  let left = await signal('TERM');
  const until = performance.now() + EXEC_KILL_GRACE_MS;
  for (let waitMs = FIRST_LOOK_MS; left > 0 && performance.now() < until; waitMs *= 2) {
    await delay(Math.max(0, Math.min(waitMs, until - performance.now())));
    left = await signal('0');
  }
  for (let round = 0; left > 0 && round < KILL_ROUNDS; round++) {
    await signal('KILL');
    left = await signal('0');
  }
  if (left > 0) {
    throw new Error(`${left} processes of the exec could not be ended`);
  }
}

/** Signals by a shell of the sandbox: `run` runs an argv in it and returns the beginning of its stdout. */
export function signalByShell(run: (argv: string[]) => Promise<string>, execId: string): SignalExec {
  return async (signal) => {
    const answer = (await run(execKillCommand(execId, signal))).trim();
    // What a sandbox made of its shell may say anything.
    if (!/^\d{1,9}$/.test(answer)) {
      throw new Error("the sandbox's /bin/sh does not answer as a shell does");
    }
    return Number(answer);
  };
}
