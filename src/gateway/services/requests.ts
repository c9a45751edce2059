import { invalidArgument } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { REQUEST_ID } from '../../rpc/headers.js';
import type { StoredRequest } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import type { Kept } from './kept-answers.js';

/** A request as it can be known again. */
export interface RequestIdentity {
  /** Whose it is. */
  readonly subject: string;
  /** As the client gave it; empty: the request is not to be known again. */
  readonly requestId: string;
  /** Of the method and everything that the request says. */
  readonly fingerprint: () => string;
}

/** Requests that may be repeated, also after a restart of the gateway: their first answer is kept for 24 hours. */
export interface RequestService {
  /**
   * Gives the first answer again, or does `work`, which hands `remember` to the write that makes the answer, so that
   * both are stored or neither; an answer that no such write made is stored after `work`. Errors are not kept.
   * What is kept of an answer must be JSON. INVALID_ARGUMENT when the id was another request's.
   */
  once<T>(
    request: RequestIdentity,
    kept: Kept<T>,
    work: (remember: Remember<T> | undefined) => Promise<T>,
  ): Promise<T>;
  /** Ends the forgetting of old requests. */
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
  const underWay = new Map<string, { readonly fingerprint: string; readonly answer: Promise<unknown> }>();

  function prune(): void {
    store
      .pruneRequests(now() - KEPT_MS)
      .catch((error) => log.warn('old requests are not forgotten', { error }));
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
    let isKept = false;
    function toStore(answer: T) {
      return { ...key, answer: JSON.stringify(keep(answer)), createdAtMs: now() };
    }

    const answer = await work((made) => {
      isKept = true;
      return toStore(made);
    });
    if (!isKept) {
      await store.putRequest(toStore(answer));
    }
    return answer;
  }

  return {
    async once({ subject, requestId, fingerprint: print }, kept, work) {
      if (requestId === '') {
        return work(undefined);
      }
      if (!REQUEST_ID.test(requestId)) {
        throw invalidArgument('request_id is no text of 1 to 128 visible ASCII characters', {
          field: 'request_id',
        });
      }
      const fingerprint = print();
      const key = `${subject}\0${requestId}`;
      const same = underWay.get(key);
      if (same !== undefined) {
        assertSame(requestId, same.fingerprint, fingerprint);
        return (await same.answer) as Awaited<ReturnType<typeof work>>;
      }
      const answer = run({ subject, requestId, fingerprint }, kept, work);
      underWay.set(key, { fingerprint, answer });
      try {
        return await answer;
      } finally {
        underWay.delete(key);
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
    hint: 'take a new id for a new request',
  });
}
