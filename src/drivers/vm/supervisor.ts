import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from '../../compute/log.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import { FROM_GATEWAY, type LaunchOptions } from './launch-options.js';
import { ownProgram } from './program.js';

interface SuperviseOptions {
  /** Path of openshell-driver-vm; empty: the one of this build. */
  readonly program: string;
  readonly options: LaunchOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
}

interface SupervisedProcess {
  /** Ends it in order, and for good. Sandboxes keep running. */
  stop(): Promise<void>;
}

const FIRST_BACK_OFF_MS = 250;
const MAX_BACK_OFF_MS = 10_000;
/** One that ran this long starts again at once. */
const STEADY_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;

/** Starts the driver process, and starts it again, with growing pauses, whenever it ends. */
export function superviseProcess({ program, options, env, log }: SuperviseOptions): SupervisedProcess {
  const stopping = new AbortController();
  let child: ChildProcess | undefined;

  async function runOnce(): Promise<string> {
    const [command, ...args] = program === '' ? ownProgram() : [program];
    child = spawn(command as string, [...args, FROM_GATEWAY], {
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...env },
    });
    child.stdin?.on('error', () => {});
    // The pipe stays open: its end tells the process that the gateway is gone, however that came about.
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
      log.warn(`the driver process ended (${outcome}) and is started again in ${waitMs} ms`);
      await delay(waitMs, stopping.signal).catch(() => {});
    }
  }

  const looping = loop();

  return {
    stop: async () => {
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
