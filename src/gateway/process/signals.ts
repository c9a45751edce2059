/** SIGTERM and SIGINT: the first asks the process to end, a second one insists. */
export interface Signals {
  /** Aborts at the first. */
  readonly first: AbortSignal;
  readonly asked: Promise<void>;
  readonly insisted: Promise<void>;
  dispose(): void;
}

export const signals = (): Signals => {
  const first = new AbortController();
  let ask = () => {};
  let insist = () => {};
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const insisted = new Promise<void>((resolve) => {
    insist = resolve;
  });
  const onSignal = () => {
    if (first.signal.aborted) insist();
    first.abort();
    ask();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    first: first.signal,
    asked,
    insisted,
    dispose() {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    },
  };
};
