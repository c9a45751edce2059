import type { DriverEvent } from '../../compute/driver.js';
import type { Logger } from '../../compute/log.js';
import type { ObservedSandbox, SandboxRef } from '../../compute/sandbox.js';
import { delay } from '../../kit/deadline.js';
import { createQueue } from '../../kit/queue.js';
import { createCache } from './cache.js';
import type { Names, OwnerKind } from './names.js';
import type { CoreEvent, KubeObject, Owner, Pod } from './objects.js';
import type { Objects } from './pod-status.js';
import { type Change, reflect } from './reflector.js';
import type { Rest } from './rest.js';

export interface WatchOptions {
  readonly rest: Rest;
  readonly names: Names;
  readonly find: (ref: SandboxRef, signal: AbortSignal) => Promise<Objects>;
  readonly observe: (objects: Objects) => ObservedSandbox;
  readonly ownerKind: OwnerKind;
  readonly news: News;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What the driver itself has to tell on each watch. */
export interface News {
  tell(event: DriverEvent): void;
  /** Gives back how to end it. */
  listen(listener: (event: DriverEvent) => void): () => void;
}

export function createNews(): News {
  const listeners = new Set<(event: DriverEvent) => void>();
  return {
    tell(event) {
      for (const listener of listeners) {
        listener(event);
      }
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** How far the API server may run ahead of a slow reader. */
const QUEUED = 512;
const TICK_MS = 5_000;
/** News that a slow reader has not taken; what comes beyond is dropped. */
const MOST_NEWS = 64;

/** A snapshot, `synced`, then changes, from watches of Pods, owners and Events. */
export async function* watchSandboxes(options: WatchOptions): AsyncGenerator<DriverEvent, void> {
  const { rest, names, log } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const queue = createQueue<DriverEvent>({ capacity: QUEUED });
  const cache = createCache({
    observe: options.observe,
    confirm: (shown) => options.find(shown, signal),
    emit: queue.put,
  });

  async function follow<T extends KubeObject>(
    what: string,
    query: Record<string, string>,
    take: (change: Change<T>) => Promise<void>,
  ): Promise<void> {
    for await (const change of reflect<T>({ rest, path: names.everywhere(what), query, what, signal })) {
      await take(change);
    }
  }

  async function ticking() {
    for (;;) {
      await delay(TICK_MS, signal);
      await cache.tick();
    }
  }

  let untold = 0;
  const deaf = options.news.listen((event) => {
    if (untold === MOST_NEWS) {
      return;
    }
    untold += 1;
    void queue.put(event).finally(() => {
      untold -= 1;
    });
  });
  function necessary(work: Promise<void>) {
    return work.then(
      () => queue.end(),
      (error) => queue.end(signal.aborted ? undefined : error),
    );
  }

  const own = { labelSelector: names.ownSelector };
  const loops = [
    necessary(follow<Pod>('pods', own, cache.pods)),
    necessary(follow<Owner>(options.ownerKind, own, cache.owners)),
    necessary(ticking()),
    // Progress only: a cluster that keeps its Events to itself still runs sandboxes.
    follow<CoreEvent>('events', { fieldSelector: 'involvedObject.kind=Pod' }, cache.events).catch((error) => {
      if (!signal.aborted) {
        log.warn('Events cannot be watched: no progress is shown', { error });
      }
    }),
  ];
  try {
    yield* queue;
  } finally {
    deaf();
    stop.abort();
    await Promise.all(loops);
  }
}
