import type { Readable } from 'node:stream';
import type { ContainerInspectInfo } from 'dockerode';
import type { CallOptions, DriverEvent } from '../../compute/driver.js';
import { OpenShellError, unavailable } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import { createEmitted, type Seen } from '../container/emitted.js';
import { createEventQueue, type EventQueue } from '../container/event-queue.js';
import { jsonLines } from '../container/json-lines.js';
import type { Containers } from './containers.js';
import type { Engine } from './engine.js';
import { HELPER_LABEL } from './names.js';
import { observedSandbox } from './status.js';

/** What happens to a container that can change its sandbox's state. Executions inside it do not. */
const EVENTS = ['start', 'die', 'pause', 'unpause', 'destroy'];
/**
 * The engine answers a moment before it begins to listen. Asking for the last seconds closes that gap: an event too many
 * leads to one look too many and to nothing else.
 */
const OVERLAP_SECS = 5;

export interface WatchOptions extends CallOptions {
  readonly engine: Engine;
  readonly containers: Containers;
  readonly gatewayId: string;
  /** While the driver itself makes or removes this sandbox, nothing is said about it. */
  readonly busy: (sandboxId: string) => boolean;
  /** Lets the driver's own operations put news into this watch; returns how to leave. */
  readonly join: (feed: EventQueue) => () => void;
}

/** One watch, as ComputeDriver.watch describes it. */
export async function* watchSandboxes(options: WatchOptions): AsyncGenerator<DriverEvent> {
  const { engine, containers, gatewayId, busy, join } = options;
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const feed = createEventQueue();
  const leave = join(feed);
  function onAbort() {
    return feed.end();
  }

  signal.addEventListener('abort', onAbort, { once: true });
  const published = createEmitted();
  try {
    // Events first, then the list: what happens in between stands in both.
    const stream = await openEvents(engine, gatewayId, signal);
    void readEvents(stream, feed, signal);
    for (const info of await containers.inspectAll({ signal })) {
      yield* published.snapshot(seen(info));
    }
    yield { type: 'synced' };

    for await (const item of feed) {
      if (item.type === 'platform') {
        yield { type: 'platform', id: item.sandboxId, event: item.event };
      } else if (item.type === 'gone') {
        yield* published.removeSandbox(item.sandboxId);
      } else if (!busy(item.sandboxId) && published.isNews(item)) {
        const info = await containers.inspect(item.containerId, { signal });
        if (info !== undefined) {
          yield* published.update(seen(info));
        } else {
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

function openEvents(engine: Engine, gatewayId: string, signal: AbortSignal): Promise<Readable> {
  return engine.call(
    'watch of the engine',
    async () =>
      (await engine.docker.getEvents({
        since: Math.floor(Date.now() / 1_000) - OVERLAP_SECS,
        filters: { type: ['container'], event: EVENTS, label: [`${LABEL.gatewayId}=${gatewayId}`] },
        abortSignal: signal,
      })) as Readable,
    { signal },
  );
}

/** One line of the engine's stream, as far as it is of interest. */
interface EngineEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> };
}

async function readEvents(stream: Readable, feed: EventQueue, signal: AbortSignal): Promise<void> {
  function onAbort() {
    return stream.destroy();
  }

  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) {
    onAbort();
  }
  let cause: unknown;
  // A broken connection is an error of the stream, which may come after the last line was read.
  stream.on('error', (error) => {
    cause = error;
  });
  try {
    for await (const { Action, Actor } of jsonLines<EngineEvent>(stream, 'Docker')) {
      const { ID: containerId, Attributes = {} } = Actor;
      if (Attributes[HELPER_LABEL] === 'true') {
        continue;
      }
      const type = Action === 'start' ? 'started' : 'look';
      feed.push({ type, containerId, sandboxId: Attributes[LABEL.sandboxId] ?? '' });
    }
  } catch (error) {
    cause = error;
  }
  feed.end(
    signal.aborted
      ? undefined
      : unavailable('the Docker engine ended its stream of events', {
          reason: 'EngineUnavailable',
          hint: 'check that Docker runs',
          cause,
        }),
  );
}

function seen(info: ContainerInspectInfo): Seen {
  return {
    containerId: info.Id,
    sandbox: observedSandbox(info),
    startedAt: info.State.StartedAt,
  };
}
