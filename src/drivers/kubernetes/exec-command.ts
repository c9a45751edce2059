import { EXEC_MARK_VARIABLE } from '../container-exec/exec-kill.js';

/**
 * Kubernetes' exec knows no environment and no working directory: a shell sets both, says whether directory and program
 * can be used, and then becomes the program. What it says stands between two bytes that no program prints by chance.
 */
const SCRIPT = [
  'm=$1 w=$2; shift 2',
  'while [ "$1" != -- ]; do export "$1"; shift; done; shift',
  'say() { printf "\\036%s:%s\\036" "$m" "$1" >&2; }',
  'cd -- "$w" 2>/dev/null || { say workdir; exit 1; }',
  'case $1 in',
  '*/*) [ -e "$1" ] || { say program; exit 1; }; [ -x "$1" ] && [ ! -d "$1" ] || { say permission; exit 1; };;',
  '*) command -v -- "$1" >/dev/null 2>&1 || { say program; exit 1; };;',
  'esac',
  'say ok',
  'exec "$@"',
].join('\n');

interface ExecCommand {
  /** Marks the processes and the shell's word. */
  readonly execId: string;
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

export function execCommand({ execId, workdir, environment, command }: ExecCommand): string[] {
  return [
    '/bin/sh',
    '-c',
    SCRIPT,
    'openshell-exec',
    execId,
    workdir,
    `${EXEC_MARK_VARIABLE}=${execId}`,
    ...Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    '--',
    ...command,
  ];
}

export type Greeting = 'ok' | 'workdir' | 'program' | 'permission';

interface GreetingReader {
  /** Gives back what belongs to the program; nothing until the shell has spoken. */
  take(data: Uint8Array): { greeting: Greeting | undefined; rest: Uint8Array };
}

/** What a shell may print before its word, e.g. a warning about its terminal. */
const LONGEST_PREAMBLE = 8 * 1024;

export function createGreetingReader(execId: string): GreetingReader {
  let seen = Buffer.alloc(0);
  const mark = Buffer.from(`\x1e${execId}:`);
  return {
    take(data) {
      seen = Buffer.concat([seen, data]);
      const at = seen.indexOf(mark);
      const end = at === -1 ? -1 : seen.indexOf(0x1e, at + mark.length);
      if (end !== -1) {
        const greeting = seen.toString('latin1', at + mark.length, end) as Greeting;
        return { greeting, rest: Buffer.concat([seen.subarray(0, at), seen.subarray(end + 1)]) };
      }
      if (seen.length <= LONGEST_PREAMBLE) {
        return { greeting: undefined, rest: Buffer.alloc(0) };
      }
      const rest = seen;
      seen = Buffer.alloc(0);
      return { greeting: undefined, rest };
    },
  };
}
