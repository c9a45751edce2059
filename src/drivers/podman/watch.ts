import type { CallOptions, DriverEvent } from '../../compute/driver.js';
import { OpenShellError, unavailable } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import { delay } from '../../kit/deadline.js';
import { createEmitted, type Seen } from '../container/emitted.js';
import { createEventQueue, type EventQueue } from '../container/event-queue.js';
import { mapLimited } from '../container/map-limited.js';
import type { PodmanClient } from './api/client.js';
import type { Container, EngineEvent } from './api/types.js';
import { observe } from './state.js';

/** What changes a sandbox's state. A container that is only made says nothing yet; an exec in it never does. */
const EVENTS = ['start', 'died', 'pause', 'unpause', 'remove'];
const LOOKS_AT_ONCE = 8;
/** An engine that fails at once again is not asked without a pause. */
const REOPEN_DELAY_MS = 250;

export interface WatchOptions extends CallOptions {
  readonly client: PodmanClient;
  readonly gatewayId: string;
  /** While the driver itself makes or removes this sandbox, nothing is said about it. */
  readonly busy: (sandboxId: string) => boolean;
  /** Lets the driver's own operations put news into this watch; returns how to leave. */
  readonly join: (feed: EventQueue) => () => void;
}

/** One watch, as ComputeDriver.watch describes it. */
export async function* watchSandboxes(options: WatchOptions): AsyncGenerator<DriverEvent> {
  const { client, gatewayId, busy, join } = options;
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const label = [`${LABEL.gatewayId}=${gatewayId}`];
  const feed = createEventQueue();
  const leave = join(feed);
  const published = createEmitted();
  try {
    // Events first, then the list: what happens in between stands in both.
    const events = await client.events({ type: ['container'], event: EVENTS, label }, { signal });
    const summaries = await client.listContainers({ label }, { signal });
    const containers = await mapLimited(summaries, LOOKS_AT_ONCE, ({ Id }) =>
      client.inspectContainer(Id, { signal }),
    );
    for (const container of containers) {
      const seen = container && see(container);
      if (seen !== undefined) {
        yield* published.snapshot(seen);
      }
    }
    yield { type: 'synced' };
    void follow(events, { client, label, feed, signal, shown: published.shown });

    for await (const item of feed) {
      if (item.type === 'platform') {
        yield { type: 'platform', id: item.sandboxId, event: item.event };
      } else if (item.type === 'gone') {
        yield* published.removeSandbox(item.sandboxId);
      } else if (!busy(item.sandboxId) && published.isNews(item)) {
        const container = await client.inspectContainer(item.containerId, { signal });
        const seen = container && see(container);
        if (seen !== undefined) {
          yield* published.update(seen);
        } else if (container === undefined) {
          yield* published.removeContainer(item.containerId);
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

interface FollowOptions {
  readonly client: PodmanClient;
  readonly label: readonly string[];
  readonly feed: EventQueue;
  readonly signal: AbortSignal;
  /** The containers that the watch has shown, with their sandboxes. */
  readonly shown: () => Iterable<readonly [containerId: string, sandboxId: string]>;
}

/**
 * Turns events into looks. When the engine gives up a stream with an error of its own, e.g. because it met a half
 * written line in its log of events, a new stream is opened and every container is looked at; ends the feed with
 * UNAVAILABLE when the connection is lost.
 */
async function follow(first: AsyncIterable<EngineEvent>, options: FollowOptions): Promise<void> {
  const { client, label, feed, signal, shown } = options;
  function look(containerId: string, sandboxId = '') {
    return feed.push({ type: 'look', containerId, sandboxId });
  }

  try {
    let events = first;
    for (;;) {
      if (await readEvents(events, feed)) {
        break;
      }
      await delay(REOPEN_DELAY_MS, signal);
      events = await client.events({ type: ['container'], event: EVENTS, label }, { signal });
      for (const { Id, Labels } of await client.listContainers({ label }, { signal })) {
        look(Id, Labels?.[LABEL.sandboxId]);
      }
      for (const [containerId, sandboxId] of shown()) {
        look(containerId, sandboxId);
      }
    }
    feed.end(unavailable("Podman's service ended its stream of events", { reason: 'EngineUnavailable' }));
  } catch (cause) {
    const broken = "Podman's service broke off its stream of events";
    feed.end(signal.aborted ? undefined : unavailable(broken, { reason: 'EngineUnavailable', cause }));
  }
}

/** False when the stream ended with the engine's own error in place of an event. */
async function readEvents(events: AsyncIterable<EngineEvent>, feed: EventQueue): Promise<boolean> {
  for await (const { Action, Actor } of events) {
    if (Actor === undefined) {
      return false;
    }
    const sandboxId = Actor.Attributes?.[LABEL.sandboxId] ?? '';
    feed.push({ type: Action === 'start' ? 'started' : 'look', containerId: Actor.ID, sandboxId });
  }
  return true;
}

/** Undefined for a container without a sandbox's labels. */
function see(container: Container): Seen | undefined {
  const sandbox = observe(container);
  return sandbox && { containerId: container.Id, sandbox, startedAt: container.State.StartedAt };
}
