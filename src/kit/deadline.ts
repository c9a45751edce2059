/** Aborts when `signal` does, or after `timeoutMs` with a TimeoutError. Keeps no process alive. */
export const deadline = (timeoutMs: number, signal?: AbortSignal): AbortSignal => {
  // Not AbortSignal.timeout: inside AbortSignal.any, Node 20 collects it as garbage and it never fires.
  const late = new AbortController();
  const expire = () => late.abort(new DOMException('the operation took too long', 'TimeoutError'));
  setTimeout(expire, timeoutMs).unref();
  return signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
};

/**
 * Runs `body` with a signal that aborts when `signal` does, or after `timeoutMs` with a TimeoutError, and is over when
 * `body` is: for work that must not go on behind its caller's back. Unlike `deadline` nothing is left then: for calls
 * of which there are many.
 */
export const heedDeadline = async <T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  signal?.throwIfAborted();
  const end = new AbortController();
  const expire = () => end.abort(new DOMException('the operation took too long', 'TimeoutError'));
  const onAbort = () => end.abort(signal?.reason);
  const timer = setTimeout(expire, timeoutMs);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await body(end.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
};

/** As `heedDeadline`, but rejects as soon as the signal aborts, even when the body does not heed it. */
export const withDeadline = <T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> =>
  heedDeadline(timeoutMs, signal, (until) =>
    Promise.race([
      body(until),
      new Promise<never>((_, reject) => {
        until.addEventListener('abort', () => reject(until.reason), { once: true });
      }),
    ]),
  );

/** Resolves after `ms`, or rejects with the signal's reason. */
export const delay = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
