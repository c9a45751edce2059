import { createDeferred } from '../../kit/deferred.js';

/** SIGTERM and SIGINT: the first shuts down gracefully, a second one at once. */
export interface Signals {
  /** Aborts at the first. */
  readonly signal: AbortSignal;
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  dispose(): void;
}

export function handleSignals(): Signals {
  const controller = new AbortController();
  const first = createDeferred();
  const second = createDeferred();
  function onSignal() {
    if (first.settled) {
      second.resolve();
    }
    controller.abort();
    first.resolve();
  }

  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    signal: controller.signal,
    first: first.promise,
    second: second.promise,
    dispose() {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    },
  };
}
