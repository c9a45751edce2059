import type { DriverEvent, PlatformEvent } from '../../../../compute/driver.js';
import { Code, OpenShellError } from '../../../../compute/errors.js';
import type { ObservedSandbox } from '../../../../compute/sandbox.js';
import { createQueue } from '../../../../kit/queue.js';

/** A watcher that is this far behind is disconnected; it then opens a new watch. */
const MAX_BEHIND = 10_000;

/** Sends events to all watchers, without repeating an unchanged state. */
export interface Broadcaster {
  sandbox(observed: ObservedSandbox): void;
  deleted(id: string): void;
  platform(id: string, reason: string, message: string, metadata?: Readonly<Record<string, string>>): void;
  warning(id: string, reason: string, message: string): void;
  /** The present sandboxes, `synced`, then all events. */
  watch(list: () => ObservedSandbox[], signal: AbortSignal): AsyncGenerator<DriverEvent>;
}

export function createBroadcaster(source: string): Broadcaster {
  const watchers = new Set<(event: DriverEvent) => void>();
  const lastStatus = new Map<string, string>();
  function broadcast(event: DriverEvent) {
    for (const watcher of watchers) {
      watcher(event);
    }
  }

  function platform(
    id: string,
    type: PlatformEvent['type'],
    reason: string,
    message: string,
    metadata: PlatformEvent['metadata'],
  ) {
    return broadcast({
      type: 'platform',
      id,
      event: { timestampMs: Date.now(), source, type, reason, message, metadata },
    });
  }

  return {
    sandbox: (observed) => {
      const text = JSON.stringify(observed.status);
      if (lastStatus.get(observed.id) === text) {
        return;
      }
      lastStatus.set(observed.id, text);
      broadcast({ type: 'sandbox', sandbox: observed });
    },
    deleted: (id) => {
      lastStatus.delete(id);
      broadcast({ type: 'deleted', id });
    },
    platform: (id, reason, message, metadata = {}) => platform(id, 'Normal', reason, message, metadata),
    warning: (id, reason, message) => platform(id, 'Warning', reason, message, {}),
    async *watch(list, signal) {
      const queue = createQueue<DriverEvent>({ capacity: MAX_BEHIND });
      function watcher(event: DriverEvent) {
        if (!queue.offer(event)) {
          queue.close(new OpenShellError(Code.RESOURCE_EXHAUSTED, 'the watcher is too slow'));
        }
      }

      function onAbort() {
        return queue.close();
      }

      watchers.add(watcher);
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) {
        onAbort();
      }
      try {
        for (const sandbox of list()) {
          yield { type: 'sandbox', sandbox };
        }
        yield { type: 'synced' };
        yield* queue;
      } finally {
        watchers.delete(watcher);
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}
