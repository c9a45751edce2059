import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const DEADLINE_MS = 30_000;

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Default: an empty stdin. */
  readonly input?: string | Buffer;
}

export interface RunResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run that a test talks to while it goes on. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly result: Promise<RunResult>;
}

/** A folder that is not there and that nobody can make, not even root. */
const NOWHERE = '/dev/null/nowhere';

/** Nothing of the machine's own settings reaches the program, and its home is empty. */
export function cleanEnvironment(env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: NOWHERE, XDG_CONFIG_HOME: NOWHERE, ...env };
}

/** Starts `openshell` with stdin open. It is killed when it takes longer than 30 s. */
export function startCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  return start(process.execPath, [MAIN, ...args], env);
}

export function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(program, args, { env: cleanEnvironment(env), timeout: DEADLINE_MS });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (data) => out.push(data));
  child.stderr.on('data', (data) => err.push(data));
  child.stdin.on('error', () => {});
  const stdout = () => Buffer.concat(out).toString();
  const stderr = () => Buffer.concat(err).toString();
  const result = new Promise<RunResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout: stdout(), stderr: stderr() }));
  });
  return { child, stdout, stderr, result };
}

/** Runs `openshell` to its end. */
export function runCli(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { child, result } = startCli(args, options.env);
  child.stdin.end(options.input ?? '');
  return result;
}
