import { EXEC_MARK_VARIABLE } from '../container-exec/exec-kill.js';

/**
 * Kubernetes' exec takes no environment and no working directory. A shell sets both, reports whether the directory and
 * the program can be used, and then execs the program. The report is framed by a byte that programs hardly ever print.
 */
const SCRIPT = [
  'm=$1 w=$2; shift 2',
  'while [ "$1" != -- ]; do export "$1"; shift; done; shift',
  'report() { printf "\\036%s:%s\\036" "$m" "$1" >&2; }',
  'cd -- "$w" 2>/dev/null || { report workdir; exit 1; }',
  'case $1 in',
  '*/*) [ -e "$1" ] || { report program; exit 1; }; [ -x "$1" ] && [ ! -d "$1" ] || { report permission; exit 1; };;',
  '*) command -v -- "$1" >/dev/null 2>&1 || { report program; exit 1; };;',
  'esac',
  'report ok',
  'exec "$@"',
].join('\n');

interface ExecCommand {
  /** Marks the processes and the shell's report. */
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

export type StartReport = 'ok' | 'workdir' | 'program' | 'permission';

/** What a shell may print before its report, e.g. a warning about its terminal. */
const MAX_PREAMBLE_BYTES = 8 * 1024;

/** Finds the shell's report in the command's output. */
export function createStartReportReader(execId: string) {
  let seen = Buffer.alloc(0);
  const mark = Buffer.from(`\x1e${execId}:`);
  return {
    /** `rest` is the program's own output; empty until the report has come. */
    take(data: Uint8Array): { report: StartReport | undefined; rest: Uint8Array } {
      seen = Buffer.concat([seen, data]);
      const at = seen.indexOf(mark);
      const end = at === -1 ? -1 : seen.indexOf(0x1e, at + mark.length);
      if (end !== -1) {
        const report = seen.toString('latin1', at + mark.length, end) as StartReport;
        return { report, rest: Buffer.concat([seen.subarray(0, at), seen.subarray(end + 1)]) };
      }
      if (seen.length <= MAX_PREAMBLE_BYTES) {
        return { report: undefined, rest: Buffer.alloc(0) };
      }
      const rest = seen;
      seen = Buffer.alloc(0);
      return { report: undefined, rest };
    },
  };
}
