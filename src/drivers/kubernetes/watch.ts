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
  /** Where to listen for events of the driver itself. */
  readonly listeners: Set<(event: DriverEvent) => void>;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Events that may wait for a slow reader. */
const QUEUE_CAPACITY = 512;
const TICK_MS = 5_000;
/** The driver's own events that may wait for a slow reader; more are dropped. */
const MAX_OWN_EVENTS = 64;

/** A snapshot, `synced`, then changes, from watches of Pods, owners and Events. */
export async function* watchSandboxes(options: WatchOptions): AsyncGenerator<DriverEvent, void> {
  const { rest, names, log } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const queue = createQueue<DriverEvent>({ capacity: QUEUE_CAPACITY });
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

  let waiting = 0;
  function onOwnEvent(event: DriverEvent) {
    if (waiting === MAX_OWN_EVENTS) {
      return;
    }
    waiting += 1;
    void queue.put(event).finally(() => {
      waiting -= 1;
    });
  }

  options.listeners.add(onOwnEvent);
  function required(work: Promise<void>) {
    return work.then(
      () => queue.end(),
      (error) => queue.end(signal.aborted ? undefined : error),
    );
  }

  const own = { labelSelector: names.ownSelector };
  const loops = [
    required(follow<Pod>('pods', own, cache.pods)),
    required(follow<Owner>(options.ownerKind, own, cache.owners)),
    required(ticking()),
    // Only for progress: sandboxes also run where Events cannot be read.
    follow<CoreEvent>('events', { fieldSelector: 'involvedObject.kind=Pod' }, cache.events).catch((error) => {
      if (!signal.aborted) {
        log.warn('Events cannot be watched, so no progress is shown', { error });
      }
    }),
  ];
  try {
    yield* queue;
  } finally {
    options.listeners.delete(onOwnEvent);
    stop.abort();
    await Promise.all(loops);
  }
}
