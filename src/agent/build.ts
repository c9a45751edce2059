import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { failedPrecondition } from '../compute/errors.js';
import { EMBEDDED_AGENT } from './embedded.js';

const run = promisify(execFile);

/** A path beside this file; undefined in a one-file build. */
function beside(path: string): string | undefined {
  const here = import.meta.url as string | undefined;
  return here === undefined ? undefined : fileURLToPath(new URL(path, here));
}

/** A packaged build may include a compiled agent. */
const SHIPPED = './openshell-agent';
const SOURCES = '../../src/agent/guest';
const COMPILE_TIMEOUT_MS = 120_000;

/** Static and reproducible, wherever the sources are. */
const FLAGS = ['-static', '-Os', '-s', '-std=gnu11', '-Wall', '-Wextra', '-Wl,--build-id=none'];

/** The agent that this build ships: a file beside this one, or embedded in a one-file build. */
export async function shippedAgent(): Promise<Buffer | undefined> {
  const embedded = EMBEDDED_AGENT as string | undefined;
  if (embedded !== undefined) {
    return Buffer.from(embedded, 'base64');
  }
  const path = beside(SHIPPED);
  return path === undefined ? undefined : readFile(path).catch(() => undefined);
}

interface CompileOptions {
  readonly signal: AbortSignal;
  /** A C compiler that can link statically; default `musl-gcc`. */
  readonly compiler?: string;
  /** The folder of the sources; default: this checkout's. */
  readonly sources?: string;
}

/** Compiles the agent to `output` (mode 0755), atomically. FAILED_PRECONDITION without a compiler or sources. */
export async function compileAgent(output: string, options: CompileOptions): Promise<void> {
  const { signal, compiler = 'musl-gcc', sources = beside(SOURCES) ?? '' } = options;
  const names = await readdir(sources).catch(() => []);
  const files = names.filter((name) => name.endsWith('.c')).sort();
  if (files.length === 0) {
    throw failedPrecondition('the sources of the guest agent are missing', {
      hint: 'set `agent` to the path of a compiled agent',
    });
  }
  const work = await mkdtemp(join(dirname(output), '.agent-'));
  try {
    const made = join(work, 'openshell-agent');
    await run(compiler, [...FLAGS, '-o', made, ...files], {
      cwd: sources,
      signal,
      timeout: COMPILE_TIMEOUT_MS,
    });
    await rename(made, output);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw failedPrecondition(
      missing
        ? `the C compiler '${compiler}' was not found`
        : `the guest agent cannot be compiled: ${(cause as Error).message}`,
      { cause, hint: 'install musl-tools, or set `agent` to the path of a compiled agent' },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
