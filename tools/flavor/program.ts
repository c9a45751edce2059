import { spawn } from 'node:child_process';
import { failedPrecondition, unavailable } from '../../dist/compute/errors.js';

export interface ProgramOptions {
  readonly cwd: string;
  /** Default: this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: 10 minutes. */
  readonly timeoutMs?: number;
}

export interface ProgramResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 600_000;
const TAIL_LINES = 30;

/** Runs a program and returns its output, whatever its exit code; UNAVAILABLE when it cannot start. */
export function outcome(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...(options.env ?? process.env) },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', (cause) => reject(unavailable(`cannot run ${file}: ${cause.message}`, { cause })));
    child.once('close', (code, signal) =>
      resolve({
        status: code ?? 128,
        stdout: Buffer.concat(out).toString(),
        stderr: `${Buffer.concat(err)}${signal === null ? '' : `\nended by ${signal}`}`,
      }),
    );
  });
}

/** As `outcome`, but returns stdout, or throws FAILED_PRECONDITION with the end of the output when it fails. */
export async function program(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<string> {
  const { status, stdout, stderr } = await outcome(file, args, options);
  if (status === 0) {
    return stdout;
  }
  const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-TAIL_LINES).join('\n');
  throw failedPrecondition(`${[file, ...args].join(' ')} ended with ${status}:\n${tail}`);
}
