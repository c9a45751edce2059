import type { ComputeDriver, ExecSession, ExecSpec } from '../../dist/compute/driver.js';
import type { SandboxRef } from '../../dist/compute/sandbox.js';

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export type RunOptions = Partial<Omit<ExecSpec, 'command' | 'stdin'>> & {
  /** Written to the process, then end of file. Default: no stdin. */
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal;
};

/** A command with defaults for whatever the test does not care about. */
export function anExec(command: readonly string[], change: Partial<ExecSpec> = {}): ExecSpec {
  return {
    command,
    workdir: '',
    environment: {},
    tty: false,
    size: undefined,
    timeoutMs: 0,
    stdin: false,
    ...change,
  };
}

/** Opens an exec with defaults for whatever the test does not care about. */
export function openExec(
  driver: ComputeDriver,
  ref: SandboxRef,
  command: readonly string[],
  { input, signal, ...spec }: RunOptions & { stdin?: boolean } = {},
): Promise<ExecSession> {
  if (driver.access === undefined) {
    throw new Error(`driver ${driver.name} offers no access`);
  }
  return driver.access.exec(ref, anExec(command, { stdin: input !== undefined, ...spec }), {
    signal: signal ?? AbortSignal.timeout(120_000),
  });
}

/** Reads all that a session says, and its exit code. Rejects when either does. */
export async function collect(session: ExecSession): Promise<RunResult> {
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  // Watched from the start: a rejection while the output is still being read must not go unhandled.
  const exitCode = session.exitCode;
  exitCode.catch(() => {});
  for await (const { stream, data } of session.output) {
    parts[stream].push(Buffer.from(data));
  }
  return {
    stdout: Buffer.concat(parts.stdout).toString(),
    stderr: Buffer.concat(parts.stderr).toString(),
    exitCode: await exitCode,
  };
}

/** Runs a command in a sandbox to its end. */
export async function run(
  driver: ComputeDriver,
  ref: SandboxRef,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const session = await openExec(driver, ref, command, options);
  if (options.input !== undefined) {
    session.stdin?.end(options.input);
  }
  return collect(session);
}
