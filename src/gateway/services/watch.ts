import type { PlatformEvent } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { createQueue } from '../../kit/queue.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Caller } from '../auth/principal.js';
import { isRestartPending } from '../lifecycle/restart-policy.js';
import type { SandboxEvents } from '../lifecycle/sandbox-events.js';
import type { SandboxLogLine } from '../observe/sandbox-log.js';
import { checkGiven } from './limits.js';
import type { LogFilter, LogService } from './logs.js';
import type { SandboxService } from './sandboxes.js';

export interface WatchInput {
  readonly sandboxId: string;
  readonly followStatus: boolean;
  readonly followLogs: boolean;
  readonly followEvents: boolean;
  /** 0: 200. */
  readonly logTail: number;
  readonly eventTail: number;
  /** End at the first READY or ERROR, unless a restart is pending. */
  readonly stopOnTerminal: boolean;
  readonly logs: LogFilter;
}

export type WatchItem =
  | { readonly type: 'sandbox'; readonly record: SandboxRecord }
  | { readonly type: 'log'; readonly line: SandboxLogLine }
  | { readonly type: 'event'; readonly event: PlatformEvent };

export interface WatchService {
  /** Emits the sandbox, the log and event tails, then changes. Ends after the tails when nothing is followed. */
  watch(
    caller: Caller,
    input: WatchInput,
    emit: (item: WatchItem) => Promise<void> | undefined,
  ): Promise<void>;
}

/** Output of the sandbox may fill half of the queue; the rest is for events that cannot wait. */
const QUEUE_ITEMS = 256;
const LOG_TAIL_DEFAULT = 200;
const TERMINAL = new Set<SandboxRecord['phase']>(['running', 'failed', 'exited']);

function isTerminal(record: SandboxRecord): boolean {
  return TERMINAL.has(record.phase) && !isRestartPending(record);
}

export function createWatchService(options: {
  sandboxes: SandboxService;
  logs: LogService;
  sandboxEvents: SandboxEvents;
}): WatchService {
  const { sandboxes, logs, sandboxEvents } = options;
  return {
    async watch(caller, input, emit) {
      const { signal } = caller;
      checkGiven(input.sandboxId, 'id');
      const queue = createQueue<WatchItem>({ capacity: QUEUE_ITEMS, putCapacity: QUEUE_ITEMS / 2 });
      let dropped = 0;
      function push(item: WatchItem) {
        if (!queue.offer(item)) {
          dropped++;
        }
      }

      // Subscribed before the snapshot is read, so that no change is missed; older rows are skipped by their version.
      const unsubscribe = sandboxEvents.subscribe(input.sandboxId, (event) => {
        if (event.type === 'removed') {
          queue.end(new OpenShellError(Code.CANCELLED, 'the sandbox was deleted'));
        } else if (event.type === 'record' && input.followStatus) {
          push({ type: 'sandbox', record: event.record });
        } else if (event.type === 'event' && input.followEvents) {
          push({ type: 'event', event: event.event });
        }
      });
      const followed = new AbortController();
      function cut() {
        followed.abort(signal.reason);
        queue.close(signal.reason);
      }

      signal.addEventListener('abort', cut, { once: true });
      if (signal.aborted) {
        cut();
      }
      try {
        const record = await sandboxes.getById(caller, input.sandboxId);
        await emit({ type: 'sandbox', record });
        if (input.followLogs) {
          const sinks = {
            sandbox: (line: SandboxLogLine) => queue.put({ type: 'log', line }),
            gateway: (line: SandboxLogLine) => push({ type: 'log', line }),
          };
          logs.follow(record, input.logs, sinks, followed.signal);
          const tail = await logs.tail(caller, record, input.logTail || LOG_TAIL_DEFAULT, input.logs);
          for (const line of tail.lines) {
            await emit({ type: 'log', line });
          }
        }
        for (const event of sandboxEvents.recentEvents(record.id, input.followEvents ? input.eventTail : 0)) {
          await emit({ type: 'event', event });
        }
        const follows = input.followStatus || input.followLogs || input.followEvents;
        if (!follows || (input.stopOnTerminal && isTerminal(record))) {
          return;
        }
        let version = record.resourceVersion;
        for await (const item of queue) {
          if (dropped > 0) {
            throw lagged(dropped);
          }
          if (item.type === 'sandbox') {
            if (item.record.resourceVersion <= version) {
              continue;
            }
            version = item.record.resourceVersion;
          }
          await emit(item);
          if (item.type === 'sandbox' && input.stopOnTerminal && isTerminal(item.record)) {
            return;
          }
        }
      } finally {
        unsubscribe();
        queue.close();
        followed.abort();
        signal.removeEventListener('abort', cut);
      }
    },
  };
}

function lagged(dropped: number): OpenShellError {
  return new OpenShellError(Code.RESOURCE_EXHAUSTED, `watch stream lagged; dropped ${dropped} messages`, {
    reason: 'WatchLagged',
    hint: 'read faster, or watch again: a new stream begins with a snapshot',
  });
}
