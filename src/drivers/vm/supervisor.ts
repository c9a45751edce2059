import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../../compute/log.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import { FROM_GATEWAY, type LaunchOptions } from './launch-options.js';

interface SuperviseOptions {
  /** Path of openshell-driver-vm; empty: this build's. */
  readonly program: string;
  readonly options: LaunchOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
}

const FIRST_BACK_OFF_MS = 250;
const MAX_BACK_OFF_MS = 10_000;
/** After running this long, the first pause applies again. */
const STEADY_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;

/** The argument with which the single file that holds all programs runs as the driver process. */
const SINGLE_FILE_ARGUMENT = 'driver-vm';

/**
 * The command of this build's driver process: its own file, or the single file of a one-file build. Named by path, so
 * that it is not part of the gateway's module graph.
 */
function ownProgram(): readonly [command: string, ...args: string[]] {
  // A one-file CommonJS build has no import.meta.
  const here = import.meta.url as string | undefined;
  const main = here === undefined ? '' : fileURLToPath(new URL('./process/main.js', here));
  if (main !== '' && existsSync(main)) {
    return [process.execPath, main];
  }
  const file = process.argv[1];
  return file === undefined || file === process.execPath
    ? [process.execPath, SINGLE_FILE_ARGUMENT]
    : [process.execPath, file, SINGLE_FILE_ARGUMENT];
}

/** Starts the driver process, and restarts it, with growing pauses, whenever it ends. */
export function superviseProcess({ program, options, env, log }: SuperviseOptions) {
  const stopping = new AbortController();
  let child: ChildProcess | undefined;

  async function runOnce(): Promise<string> {
    const [command, ...args] = program === '' ? ownProgram() : [program];
    child = spawn(command as string, [...args, FROM_GATEWAY], {
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...env },
    });
    child.stdin?.on('error', () => {});
    // The pipe stays open: its end shows the process that the gateway has ended, for whatever reason.
    child.stdin?.write(`${JSON.stringify(options)}\n`);
    const ended = await once(child, 'exit').catch((error: Error) => [error.message]);
    return ended.map(String).join(' ');
  }

  async function loop() {
    const backoff = createBackoff(FIRST_BACK_OFF_MS, MAX_BACK_OFF_MS);
    while (!stopping.signal.aborted) {
      const began = performance.now();
      const outcome = await runOnce();
      if (stopping.signal.aborted) {
        return;
      }
      if (performance.now() - began > STEADY_MS) {
        backoff.reset();
      }
      const waitMs = backoff.next();
      log.warn(`the driver process ended (${outcome}); restarting it in ${waitMs} ms`);
      await delay(waitMs, stopping.signal).catch(() => {});
    }
  }

  const looping = loop();

  return {
    /** Ends it for good. Sandboxes keep running. */
    async stop(): Promise<void> {
      stopping.abort();
      child?.stdin?.end();
      const late = new AbortController();
      const forced = delay(STOP_TIMEOUT_MS, late.signal).then(
        () => child?.kill('SIGKILL'),
        () => {},
      );
      await looping;
      late.abort();
      await forced;
    },
  };
}
