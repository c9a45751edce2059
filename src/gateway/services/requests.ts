import { invalidArgument } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { REQUEST_ID } from '../../rpc/headers.js';
import type { StoredRequest } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import type { Kept } from './kept-answers.js';

/** Identifies a request, so that a repetition is recognized. */
export interface RequestIdentity {
  /** The user. */
  readonly subject: string;
  /** From the client; empty: a repetition is not recognized. */
  readonly requestId: string;
  /** Hash of the method and the whole request. */
  readonly fingerprint: () => string;
}

/** Makes requests idempotent, also across restarts of the gateway: the first answer is stored for 24 hours. */
export interface RequestService {
  /**
   * Returns the stored answer, or runs `work`. `work` passes `remember` to the write that produces the answer, so that
   * both are stored or neither; otherwise the answer is stored after `work`. Errors are not stored. The stored part of
   * an answer must be JSON. INVALID_ARGUMENT when the id was used for another request.
   */
  once<T>(
    request: RequestIdentity,
    kept: Kept<T>,
    work: (remember: Remember<T> | undefined) => Promise<T>,
  ): Promise<T>;
  /** Stops the pruning of old requests. */
  close(): void;
}

const KEPT_MS = 24 * 60 * 60_000;
const PRUNE_EVERY_MS = 60 * 60_000;

export function createRequestService(options: {
  store: Store;
  log: Logger;
  now: () => number;
  /** Default: an hour. */
  pruneEveryMs?: number;
}): RequestService {
  const { store, log, now } = options;
  const inFlight = new Map<string, { readonly fingerprint: string; readonly answer: Promise<unknown> }>();

  function prune(): void {
    store.pruneRequests(now() - KEPT_MS).catch((error) => log.warn('pruning old requests failed', { error }));
  }

  prune();
  const pruning = setInterval(prune, options.pruneEveryMs ?? PRUNE_EVERY_MS).unref();

  async function stored(subject: string, requestId: string): Promise<StoredRequest | undefined> {
    const found = await store.getRequest(subject, requestId);
    return found !== undefined && found.createdAtMs > now() - KEPT_MS ? found : undefined;
  }

  async function run<T>(
    key: Pick<StoredRequest, 'subject' | 'requestId' | 'fingerprint'>,
    { keep, restore }: Kept<T>,
    work: (remember: Remember<T>) => Promise<T>,
  ): Promise<T> {
    const found = await stored(key.subject, key.requestId);
    if (found !== undefined) {
      assertSame(key.requestId, found.fingerprint, key.fingerprint);
      return restore(JSON.parse(found.answer), store);
    }
    let isStored = false;
    function toStore(answer: T) {
      return { ...key, answer: JSON.stringify(keep(answer)), createdAtMs: now() };
    }

    const answer = await work((result) => {
      isStored = true;
      return toStore(result);
    });
    if (!isStored) {
      await store.putRequest(toStore(answer));
    }
    return answer;
  }

  return {
    async once({ subject, requestId, fingerprint: hash }, kept, work) {
      if (requestId === '') {
        return work(undefined);
      }
      if (!REQUEST_ID.test(requestId)) {
        throw invalidArgument('request_id must be 1 to 128 visible ASCII characters', {
          field: 'request_id',
        });
      }
      const fingerprint = hash();
      const key = `${subject}\0${requestId}`;
      const same = inFlight.get(key);
      if (same !== undefined) {
        assertSame(requestId, same.fingerprint, fingerprint);
        return (await same.answer) as Awaited<ReturnType<typeof work>>;
      }
      const answer = run({ subject, requestId, fingerprint }, kept, work);
      inFlight.set(key, { fingerprint, answer });
      try {
        return await answer;
      } finally {
        inFlight.delete(key);
      }
    },
    close: () => clearInterval(pruning),
  };
}

function assertSame(requestId: string, first: string, now: string): void {
  if (first === now) {
    return;
  }
  throw invalidArgument(`request_id '${requestId}' was used for another request`, {
    field: 'request_id',
    reason: 'RequestIdReused',
    hint: 'use a new id for each request',
  });
}
