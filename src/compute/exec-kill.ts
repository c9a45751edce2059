/** The variable that marks every process of one exec, its children included. */
export const EXEC_MARK_VARIABLE = 'OPENSHELL_EXEC_ID';

/** From TERM to KILL. */
export const EXEC_KILL_GRACE_MS = 2_000;

/**
 * The argv of a second exec that ends all processes of a first one. No engine can end an exec: so each carries a
 * variable of its own, and this looks for it in every /proc/<pid>/environ. It uses what a bare /bin/sh has built in.
 * Prints the number of processes that it signalled.
 */
export const execKillCommand = (execId: string, signal: 'TERM' | 'KILL'): string[] => {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(execId)) throw new RangeError(`'${execId}' is no exec id`);
  const mark = `${EXEC_MARK_VARIABLE}=${execId}`;
  // A read drops the NUL bytes that part the variables, so the mark stands inside a longer line.
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
};
