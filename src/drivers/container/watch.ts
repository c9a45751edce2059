import type { CallOptions, DriverEvent } from '../../compute/driver.js';
import { OpenShellError, unavailable } from '../../compute/errors.js';
import { delay } from '../../kit/deadline.js';
import type { Containers } from './containers.js';
import { createEmitted, type Seen } from './emitted.js';
import type { ContainerEngine, ContainerInfo, ContainerPlan, EngineEvent, ImageInfo } from './engine.js';
import { createEventQueue, type EventQueue } from './event-queue.js';
import { observe } from './observe.js';

/** Before a stream that the engine gave up is opened again. */
const REOPEN_DELAY_MS = 250;

export interface WatchOptions extends CallOptions {
  readonly engine: Pick<ContainerEngine<ContainerPlan, ImageInfo>, 'title' | 'events' | 'list'>;
  readonly containers: Pick<Containers, 'inspect' | 'inspectAll'>;
  /** While the driver itself makes or removes this sandbox, nothing is emitted about it. */
  readonly busy: (sandboxId: string) => boolean;
  /** Lets the driver's own operations push into this watch; returns how to leave. */
  readonly join: (queue: EventQueue) => () => void;
}

/** One watch, as ComputeDriver.watch describes it. */
export async function* watchSandboxes(options: WatchOptions): AsyncGenerator<DriverEvent> {
  const { engine, containers, busy, join } = options;
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const queue = createEventQueue();
  const leave = join(queue);
  function onAbort() {
    queue.end();
  }

  signal.addEventListener('abort', onAbort, { once: true });
  const emitted = createEmitted();
  try {
    // Events first, then the list: what happens in between is in both.
    const events = await engine.events({ signal });
    void follow(events, { engine, queue, signal, shown: emitted.shown });
    for (const container of await containers.inspectAll({ signal })) {
      const seen = see(container);
      if (seen !== undefined) {
        yield* emitted.snapshot(seen);
      }
    }
    yield { type: 'synced' };

    for await (const item of queue) {
      if (item.type === 'platform') {
        yield { type: 'platform', id: item.sandboxId, event: item.event };
      } else if (item.type === 'gone') {
        yield* emitted.removeSandbox(item.sandboxId);
      } else if (!busy(item.sandboxId) && emitted.isNews(item)) {
        const container = await containers.inspect(item.containerId, { signal });
        const seen = container && see(container);
        if (seen !== undefined) {
          yield* emitted.update(seen);
        } else if (container === undefined) {
          yield* emitted.removeContainer(item.containerId);
        }
      }
    }
  } catch (error) {
    if (!options.signal.aborted) {
      throw OpenShellError.from(error);
    }
  } finally {
    leave();
    abort.abort();
  }
}

interface FollowOptions extends Pick<WatchOptions, 'engine' | 'signal'> {
  readonly queue: EventQueue;
  /** The containers that the watch has shown, with their sandboxes. */
  readonly shown: () => Iterable<readonly [containerId: string, sandboxId: string]>;
}

/**
 * Queues the engine's events. When the engine gives up a stream with an error of its own, e.g. because it met a half
 * written line in its log of events, a new one is opened and every container is looked at. Ends the queue with
 * UNAVAILABLE when the connection is lost.
 */
async function follow(
  first: AsyncIterable<EngineEvent | undefined>,
  { engine, queue, signal, shown }: FollowOptions,
): Promise<void> {
  let cause: unknown;
  try {
    for (let events = first; await queueEach(events, queue); ) {
      await delay(REOPEN_DELAY_MS, signal);
      events = await engine.events({ signal });
      for (const { Id, sandboxId } of await engine.list(undefined, { signal })) {
        queue.push({ type: 'look', containerId: Id, sandboxId });
      }
      for (const [containerId, sandboxId] of shown()) {
        queue.push({ type: 'look', containerId, sandboxId });
      }
    }
  } catch (error) {
    cause = error;
  }
  queue.end(
    signal.aborted
      ? undefined
      : unavailable(`the ${engine.title} engine ended its stream of events`, {
          reason: 'EngineUnavailable',
          hint: `check that ${engine.title} runs`,
          cause,
        }),
  );
}

/** True when the engine gave the stream up with an error of its own. */
async function queueEach(
  events: AsyncIterable<EngineEvent | undefined>,
  queue: EventQueue,
): Promise<boolean> {
  for await (const event of events) {
    if (event === undefined) {
      return true;
    }
    queue.push(event);
  }
  return false;
}

/** Undefined for a container without a sandbox's labels. */
function see(container: ContainerInfo): Seen | undefined {
  const sandbox = observe(container);
  return sandbox && { containerId: container.Id, sandbox, startedAt: container.State.StartedAt };
}
