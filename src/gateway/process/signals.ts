import { createDeferred } from '../../kit/deferred.js';

/** SIGTERM and SIGINT: the first asks the process to end, a second one insists. */
export interface Signals {
  /** Aborts at the first. */
  readonly first: AbortSignal;
  readonly asked: Promise<void>;
  readonly insisted: Promise<void>;
  dispose(): void;
}

export function signals(): Signals {
  const first = new AbortController();
  const asked = createDeferred();
  const insisted = createDeferred();
  function onSignal() {
    if (first.signal.aborted) {
      insisted.resolve();
    }
    first.abort();
    asked.resolve();
  }

  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    first: first.signal,
    asked: asked.promise,
    insisted: insisted.promise,
    dispose() {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    },
  };
}
