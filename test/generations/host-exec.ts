import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ExecChunk, ExecSession, ExecSpec } from '../../dist/compute/driver.js';

const TIMED_OUT = 124;

/** An exec that runs the command on this host, so that an engine in memory can serve a real client. */
export function hostExec(spec: ExecSpec): ExecSession {
  const [program = '', ...args] = spec.command;
  const child = spawn(program, args, { env: { PATH: process.env.PATH, ...spec.environment } });
  let timedOut = false;
  const timer =
    spec.timeoutMs > 0
      ? setTimeout(() => {
          timedOut = true;
          child.kill('SIGKILL');
        }, spec.timeoutMs)
      : undefined;
  if (!spec.stdin) {
    child.stdin.end();
  }
  return {
    output: output(child.stdout, child.stderr),
    stdin: spec.stdin ? child.stdin : undefined,
    resize: async () => {},
    exitCode: new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timer);
        resolve(timedOut ? TIMED_OUT : (code ?? 1));
      });
    }),
  };
}

async function* output(stdout: Readable, stderr: Readable): AsyncGenerator<ExecChunk> {
  for await (const data of stdout) {
    yield { stream: 'stdout', data };
  }
  for await (const data of stderr) {
    yield { stream: 'stderr', data };
  }
}
