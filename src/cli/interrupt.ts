import { exitCodeOf, interruptedError } from './failure.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Turns the first signal of the user into an abort, so that a command can clean up; the reason is the error to end
 * with. A second one ends the process at once.
 */
export function listenForInterrupts(): AbortSignal {
  const controller = new AbortController();
  for (const name of SIGNALS) {
    process.on(name, () => {
      const error = interruptedError(name);
      if (controller.signal.aborted) {
        process.exit(exitCodeOf(error));
      }
      controller.abort(error);
    });
  }
  return controller.signal;
}
