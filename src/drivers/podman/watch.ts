import type { CallOptions, DriverEvent } from '../../compute/driver.js';
import { OpenShellError, unavailable } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';
import type { PodmanClient } from './api/client.js';
import type { Container, EngineEvent } from './api/types.js';
import { createFeed, type Feed } from './feed.js';
import { mapLimited } from './map-limited.js';
import { asRunning, observe } from './state.js';

/** What happens to a container that can change its sandbox's state. Executions inside it do not. */
const EVENTS = ['create', 'init', 'start', 'died', 'stop', 'kill', 'pause', 'unpause', 'remove', 'restart'];
const LOOKS_AT_ONCE = 8;

export interface WatchOptions extends CallOptions {
  readonly client: PodmanClient;
  readonly gatewayId: string;
  /** While the driver itself makes or removes this sandbox, nothing is said about it. */
  readonly busy: (sandboxId: string) => boolean;
  /** Lets the driver's own operations put news into this watch; returns how to leave. */
  readonly join: (feed: Feed) => () => void;
}

/** One watch, as ComputeDriver.watch describes it. */
export async function* watchSandboxes(options: WatchOptions): AsyncGenerator<DriverEvent> {
  const { client, gatewayId, busy, join } = options;
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const label = [`${LABEL.gatewayId}=${gatewayId}`];
  const feed = createFeed();
  const leave = join(feed);
  const published = createPublished();
  try {
    // Events first, then the list: what happens in between stands in both.
    const events = await client.events({ type: ['container'], event: EVENTS, label }, { signal });
    void readEvents(events, feed, signal);
    const summaries = await client.listContainers({ label }, { signal });
    const containers = await mapLimited(summaries, LOOKS_AT_ONCE, ({ Id }) =>
      client.inspectContainer(Id, { signal }),
    );
    for (const container of containers) if (container !== undefined) yield* published.snapshot(container);
    yield { type: 'synced' };

    for await (const item of feed) {
      if (item.type === 'platform') {
        yield { type: 'platform', id: item.sandboxId, event: item.event };
      } else if (item.type === 'gone') {
        published.forget(item.sandboxId);
        yield { type: 'deleted', id: item.sandboxId };
      } else if (!busy(item.sandboxId)) {
        const container = await client.inspectContainer(item.containerId, { signal });
        if (container !== undefined) yield* published.update(container);
        else yield* published.remove(item.containerId);
      }
    }
  } catch (error) {
    if (!options.signal.aborted) throw OpenShellError.from(error);
  } finally {
    leave();
    abort.abort();
  }
}

const readEvents = async (
  events: AsyncIterable<EngineEvent>,
  feed: Feed,
  signal: AbortSignal,
): Promise<void> => {
  try {
    for await (const { Actor } of events) {
      const sandboxId = Actor.Attributes?.[LABEL.sandboxId] ?? '';
      feed.push({ type: 'look', containerId: Actor.ID, sandboxId });
    }
    feed.end(unavailable("Podman's service ended its stream of events", { reason: 'EngineUnavailable' }));
  } catch (cause) {
    if (signal.aborted) feed.end();
    else
      feed.end(
        unavailable("Podman's service broke off its stream of events", {
          reason: 'EngineUnavailable',
          cause,
        }),
      );
  }
};

/** What this watch has said, so that it says nothing twice and leaves out no start. */
const createPublished = () => {
  const known = new Map<string, { readonly id: string; readonly said: string; readonly ran: string }>();

  const remember = (container: Container, sandbox: ObservedSandbox): string => {
    const said = JSON.stringify(sandbox.status);
    known.set(container.Id, { id: sandbox.id, said, ran: sandbox.status.instanceId });
    return said;
  };

  return {
    *snapshot(container: Container): Generator<DriverEvent> {
      const sandbox = observe(container);
      if (sandbox === undefined) return;
      remember(container, sandbox);
      yield event(sandbox);
    },

    *update(container: Container): Generator<DriverEvent> {
      const sandbox = observe(container);
      if (sandbox === undefined) return;
      const last = known.get(container.Id);
      const { instanceId, conditions } = sandbox.status;
      const runs = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
      if (!runs && instanceId !== '' && last?.ran !== instanceId) yield event(asRunning(sandbox, container));
      if (remember(container, sandbox) !== last?.said) yield event(sandbox);
    },

    /** A sandbox that was never shown, e.g. one whose creation failed, is not said to be deleted. */
    *remove(containerId: string): Generator<DriverEvent> {
      const id = known.get(containerId)?.id;
      known.delete(containerId);
      if (id !== undefined) yield { type: 'deleted', id };
    },

    forget(sandboxId: string): void {
      for (const [containerId, { id }] of known) if (id === sandboxId) known.delete(containerId);
    },
  };
};

const event = (sandbox: ObservedSandbox): DriverEvent => ({ type: 'sandbox', sandbox });
