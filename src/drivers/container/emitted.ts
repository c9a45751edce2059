import { runningConditions } from '../../compute/conditions.js';
import type { DriverEvent } from '../../compute/driver.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';
import type { FeedItem } from './event-queue.js';

/** A container as a watch has just seen it. */
export interface Seen {
  readonly containerId: string;
  readonly sandbox: ObservedSandbox;
  /** RFC 3339: when its last run began. */
  readonly startedAt: string;
}

interface Known {
  /** The sandbox's. */
  readonly id: string;
  readonly emitted: string;
  readonly ran: string;
  readonly runs: boolean;
}

const MAX_GONE = 10_000;

/** Remembers what one watch has emitted: no duplicates, no missed start. */
export function createEmitted() {
  /** By container, as a sandbox that was made anew has another one. */
  const known = new Map<string, Known>();
  /** Containers, which never come back. */
  const gone = new Set<string>();

  function remember({ containerId, sandbox }: Seen): string {
    const emitted = JSON.stringify(sandbox.status);
    const { instanceId: ran } = sandbox.status;
    known.set(containerId, { id: sandbox.id, emitted, ran, runs: isRunning(sandbox) });
    return emitted;
  }

  function forget(containerId: string): void {
    known.delete(containerId);
    if (gone.size >= MAX_GONE) {
      gone.clear();
    }
    gone.add(containerId);
  }

  return {
    /** Whether an event calls for a look at its container: not when it is late or already known. */
    isNews: ({ type, containerId }: FeedItem & { type: 'look' | 'started' }): boolean =>
      !gone.has(containerId) &&
      // The end of every run is an event of its own.
      !(type === 'started' && known.get(containerId)?.runs === true),

    /** The containers that were shown and are not known to be gone, with their sandboxes. */
    shown: () => [...known].map(([containerId, { id }]) => [containerId, id] as const),

    *snapshot(seen: Seen): Generator<DriverEvent> {
      remember(seen);
      yield { type: 'sandbox', sandbox: seen.sandbox };
    },

    *update(seen: Seen): Generator<DriverEvent> {
      const { containerId, sandbox, startedAt } = seen;
      const last = known.get(containerId);
      const { instanceId } = sandbox.status;
      if (!isRunning(sandbox) && instanceId !== '' && last?.ran !== instanceId) {
        // It ran, and was over before anybody looked.
        const status = { ...sandbox.status, conditions: runningConditions(startedAt) };
        yield { type: 'sandbox', sandbox: { ...sandbox, status } };
      }
      if (remember(seen) !== last?.emitted) {
        yield { type: 'sandbox', sandbox };
      }
    },

    /** A sandbox that was never shown, e.g. one whose creation failed, is not reported as deleted. */
    *removeContainer(containerId: string): Generator<DriverEvent> {
      const id = known.get(containerId)?.id;
      forget(containerId);
      if (id !== undefined) {
        yield { type: 'deleted', id };
      }
    },

    *removeSandbox(sandboxId: string): Generator<DriverEvent> {
      for (const [containerId, { id }] of known) {
        if (id === sandboxId) {
          forget(containerId);
        }
      }
      yield { type: 'deleted', id: sandboxId };
    },
  };
}

function isRunning({ status }: ObservedSandbox): boolean {
  return status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
