/** Aborts when `signal` does, or after `timeoutMs` with a TimeoutError. Keeps no process alive. */
export const deadline = (timeoutMs: number, signal?: AbortSignal): AbortSignal => {
  // Not AbortSignal.timeout: inside AbortSignal.any, Node 20 collects it as garbage and it never fires.
  const late = new AbortController();
  const expire = () => late.abort(new DOMException('the operation took too long', 'TimeoutError'));
  setTimeout(expire, timeoutMs).unref();
  return signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
};

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
