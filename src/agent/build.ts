import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { failedPrecondition } from '../compute/errors.js';
import { EMBEDDED_AGENT } from './embedded.js';

const run = promisify(execFile);

/** Beside this file, or undefined in a build that is one file and has nothing beside it. */
function beside(path: string): string | undefined {
  const here = import.meta.url as string | undefined;
  return here === undefined ? undefined : fileURLToPath(new URL(path, here));
}

/** A packaged build may keep an agent that was compiled when it was made. */
const SHIPPED = './openshell-agent';
const SOURCES = '../../src/agent/guest';
const COMPILE_TIMEOUT_MS = 120_000;

/** Static, and the same bytes for the same sources wherever they lie. */
const FLAGS = ['-static', '-Os', '-s', '-std=gnu11', '-Wall', '-Wextra', '-Wl,--build-id=none'];

/** The agent that this build ships: a file beside this one, or a part of the file that is everything. */
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
  /** A C compiler with a libc to link statically; default `musl-gcc`. */
  readonly compiler?: string;
  /** The folder of its sources; default: those of this checkout. */
  readonly sources?: string;
}

/**
 * Compiles the agent to `output` (mode 0755), whole or not at all. FAILED_PRECONDITION when there is no compiler or
 * no source.
 */
export async function compileAgent(output: string, options: CompileOptions): Promise<void> {
  const { signal, compiler = 'musl-gcc', sources = beside(SOURCES) ?? '' } = options;
  const names = await readdir(sources).catch(() => []);
  const files = names.filter((name) => name.endsWith('.c')).sort();
  if (files.length === 0) {
    throw failedPrecondition('the sources of the guest agent are not here', {
      hint: 'give the path of a compiled agent as `agent`',
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
        ? `there is no C compiler '${compiler}'`
        : `the guest agent does not compile: ${(cause as Error).message}`,
      { cause, hint: 'install musl-tools, or give the path of a compiled agent as `agent`' },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
