import type { PlatformEvent } from '../../compute/driver.js';
import { Code, invalidArgument, OpenShellError } from '../../compute/errors.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Caller } from '../auth/principal.js';
import type { Hub } from '../lifecycle/hub.js';
import { isRestartPending } from '../lifecycle/restart-policy.js';
import type { SandboxLogLine } from '../sandbox-log.js';
import type { LogFilter, LogService } from './logs.js';
import { createBoundedQueue } from './queue.js';
import type { SandboxService } from './sandboxes.js';

export interface WatchInput {
  readonly sandboxId: string;
  readonly followStatus: boolean;
  readonly followLogs: boolean;
  readonly followEvents: boolean;
  /** 0: 200. */
  readonly logTail: number;
  readonly eventTail: number;
  /** Ends at the first READY or ERROR, unless a restart is pending. */
  readonly stopOnTerminal: boolean;
  readonly logs: LogFilter;
}

export type WatchItem =
  | { readonly type: 'sandbox'; readonly record: SandboxRecord }
  | { readonly type: 'log'; readonly line: SandboxLogLine }
  | { readonly type: 'event'; readonly event: PlatformEvent };

export interface WatchService {
  /** The sandbox as it is, the log and event tails, then what follows. Ends by itself when nothing is followed. */
  watch(
    caller: Caller,
    input: WatchInput,
    emit: (item: WatchItem) => Promise<void> | undefined,
  ): Promise<void>;
}

const QUEUE_ITEMS = 256;
const LOG_TAIL_DEFAULT = 200;
const TERMINAL = new Set<SandboxRecord['phase']>(['running', 'failed', 'exited']);
const isTerminal = (record: SandboxRecord): boolean =>
  TERMINAL.has(record.phase) && !isRestartPending(record);

export const createWatchService = (options: {
  sandboxes: SandboxService;
  logs: LogService;
  hub: Hub;
}): WatchService => {
  const { sandboxes, logs, hub } = options;
  return {
    async watch(caller, input, emit) {
      const { signal } = caller;
      if (input.sandboxId === '') throw invalidArgument('id is required', { field: 'id' });
      const queue = createBoundedQueue<WatchItem>(QUEUE_ITEMS);
      // Subscribed before the snapshot is read: nothing falls in between, an older row is told by its version.
      const unsubscribe = hub.subscribe(input.sandboxId, (event) => {
        if (event.type === 'removed')
          queue.end(new OpenShellError(Code.CANCELLED, 'the sandbox was deleted'));
        else if (event.type === 'record' && input.followStatus)
          queue.push({ type: 'sandbox', record: event.record });
        else if (event.type === 'event' && input.followEvents)
          queue.push({ type: 'event', event: event.event });
      });
      const followed = new AbortController();
      const cut = () => followed.abort(signal.reason);
      signal.addEventListener('abort', cut, { once: true });
      try {
        const record = await sandboxes.getById(caller, input.sandboxId);
        await emit({ type: 'sandbox', record });
        if (input.followLogs) {
          const put = (line: SandboxLogLine) => queue.put({ type: 'log', line });
          const push = (line: SandboxLogLine) => queue.push({ type: 'log', line });
          logs.follow(record, input.logs, { sandbox: put, gateway: push }, followed.signal);
          const tail = await logs.tail(caller, record, input.logTail || LOG_TAIL_DEFAULT, input.logs);
          for (const line of tail.lines) await emit({ type: 'log', line });
        }
        for (const event of hub.recentEvents(record.id, input.followEvents ? input.eventTail : 0)) {
          await emit({ type: 'event', event });
        }
        if (input.stopOnTerminal && isTerminal(record)) return;
        if (!input.followStatus && !input.followLogs && !input.followEvents) return;
        let version = record.resourceVersion;
        for await (const item of queue.read(signal)) {
          if (item.type === 'sandbox') {
            if (item.record.resourceVersion <= version) continue;
            version = item.record.resourceVersion;
          }
          await emit(item);
          if (item.type === 'sandbox' && input.stopOnTerminal && isTerminal(item.record)) return;
        }
      } finally {
        unsubscribe();
        queue.end();
        followed.abort();
        signal.removeEventListener('abort', cut);
      }
    },
  };
};
