/** Aborts when `signal` does, or after `timeoutMs` with a TimeoutError. Keeps no process alive. */
export function deadline(timeoutMs: number, signal?: AbortSignal): AbortSignal {
  // Not AbortSignal.timeout: inside AbortSignal.any, Node 20 collects it as garbage and it never fires.
  const late = new AbortController();
  function expire() {
    return late.abort(new DOMException('the operation took too long', 'TimeoutError'));
  }

  setTimeout(expire, timeoutMs).unref();
  return signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
}

/**
 * Runs `body` with a signal that aborts when `signal` does, or after `timeoutMs` with a TimeoutError. Settles only when
 * `body` does, so that no work continues unseen. Unlike `deadline` it leaves no timer behind: for frequent calls.
 */
export async function runWithDeadline<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const end = new AbortController();
  function expire() {
    return end.abort(new DOMException('the operation took too long', 'TimeoutError'));
  }

  function onAbort() {
    return end.abort(signal?.reason);
  }

  const timer = setTimeout(expire, timeoutMs);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await body(end.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** As `runWithDeadline`, but rejects as soon as the signal aborts, even when the body ignores it. */
export function withDeadline<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return runWithDeadline(timeoutMs, signal, (until) =>
    Promise.race([
      body(until),
      new Promise<never>((_, reject) => {
        until.addEventListener('abort', () => reject(until.reason), { once: true });
      }),
    ]),
  );
}

/**
 * Runs `body` with a signal that aborts only `ms` after `signal` does: for a call that the other side completes even when
 * the caller hangs up, so that its outcome is known.
 */
export async function lingering<T>(
  signal: AbortSignal,
  ms: number,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  function onAbort() {
    timer = setTimeout(() => end.abort(signal.reason), ms);
  }

  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) {
    onAbort();
  }
  try {
    return await body(end.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    function onAbort() {
      clearTimeout(timer);
      reject(signal?.reason);
    }

    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
