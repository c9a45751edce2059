import type { DriverEvent, PlatformEvent } from '../../../../compute/driver.js';
import { Code, OpenShellError } from '../../../../compute/errors.js';
import type { ObservedSandbox } from '../../../../compute/sandbox.js';
import { createQueue } from '../../../../kit/queue.js';

/** A watcher that is this far behind is cut off; it opens a new watch and gets a new snapshot. */
const MAX_BEHIND = 10_000;

/** Tells every watcher what happens, each state once. */
export interface Broadcaster {
  sandbox(observed: ObservedSandbox): void;
  deleted(id: string): void;
  platform(id: string, reason: string, message: string, metadata?: Readonly<Record<string, string>>): void;
  warning(id: string, reason: string, message: string): void;
  watch(snapshot: () => ObservedSandbox[], signal: AbortSignal): AsyncGenerator<DriverEvent>;
}

export function createBroadcaster(source: string): Broadcaster {
  const watchers = new Set<(event: DriverEvent) => void>();
  const told = new Map<string, string>();
  function tell(event: DriverEvent) {
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
    return tell({
      type: 'platform',
      id,
      event: { timestampMs: Date.now(), source, type, reason, message, metadata },
    });
  }

  return {
    sandbox: (observed) => {
      const text = JSON.stringify(observed.status);
      if (told.get(observed.id) === text) {
        return;
      }
      told.set(observed.id, text);
      tell({ type: 'sandbox', sandbox: observed });
    },
    deleted: (id) => {
      told.delete(id);
      tell({ type: 'deleted', id });
    },
    platform: (id, reason, message, metadata = {}) => platform(id, 'Normal', reason, message, metadata),
    warning: (id, reason, message) => platform(id, 'Warning', reason, message, {}),
    async *watch(snapshot, signal) {
      const queue = createQueue<DriverEvent>({ capacity: MAX_BEHIND });
      function watcher(event: DriverEvent) {
        if (!queue.offer(event)) {
          queue.close(tooSlow());
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
        for (const sandbox of snapshot()) {
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

function tooSlow(): OpenShellError {
  return new OpenShellError(Code.RESOURCE_EXHAUSTED, 'the watcher is too slow for what happens');
}
