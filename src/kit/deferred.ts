/** A promise that is settled from outside, once; later calls have no effect. */
interface Deferred<T> {
  /**
   * A rejection that nobody awaits is not reported as unhandled and does not end the process. This holds for this
   * promise alone, not for promises derived from it with `then`.
   */
  readonly promise: Promise<T>;
  /** Whether `resolve` or `reject` was called. */
  readonly settled: boolean;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function createDeferred<T = void>(): Deferred<T> {
  let settled = false;
  let resolvePromise: (value: T) => void = () => {};
  let rejectPromise: (error: unknown) => void = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    resolvePromise = resolve;
    rejectPromise = reject;
  });
  promise.catch(() => {});
  return {
    promise,
    get settled() {
      return settled;
    },
    resolve(value) {
      settled = true;
      resolvePromise(value);
    },
    reject(error) {
      settled = true;
      rejectPromise(error);
    },
  };
}
