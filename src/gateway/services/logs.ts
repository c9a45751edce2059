import type { LogOptions } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Caller } from '../auth/principal.js';
import type { ManagedDriver } from '../drivers/managed.js';
import { refOf } from '../lifecycle/driver-sandbox.js';
import { levelAllows, type SandboxLog, type SandboxLogLine } from '../observe/sandbox-log.js';
import { type Activity, accessOf } from './access.js';
import { LIMIT } from './limits.js';

export interface LogFilter {
  /** Lines at this time or later; 0: all. */
  readonly sinceMs: number;
  /** `sandbox`, `gateway`; empty: both. */
  readonly sources: readonly string[];
  /** Empty: all levels. */
  readonly minLevel: string;
}

export interface LogService {
  /** The latest `lines` (0: 2,000) of both sources, oldest first, and their number before filtering. */
  tail(
    caller: Caller,
    record: SandboxRecord,
    lines: number,
    filter: LogFilter,
  ): Promise<{ lines: SandboxLogLine[]; total: number }>;
  /**
   * Emits new lines of both sources until the signal aborts; `emit` must not throw. The engine's output is read only as
   * fast as `emit.sandbox` resolves.
   */
  follow(
    record: SandboxRecord,
    filter: LogFilter,
    emit: {
      sandbox(line: SandboxLogLine): Promise<void>;
      gateway(line: SandboxLogLine): void;
    },
    signal: AbortSignal,
  ): void;
}

/** How long to wait before following again, after the output of the main process ended. */
const REFOLLOW_MS = 500;

export function createLogService(options: {
  gatewayLog: SandboxLog;
  drivers: ReadonlyMap<string, ManagedDriver>;
  activity: Activity;
  log: Logger;
}): LogService {
  const { gatewayLog, drivers, activity, log } = options;

  function wants(filter: LogFilter, source: 'sandbox' | 'gateway') {
    return filter.sources.length === 0 || filter.sources.includes(source);
  }

  function allows(filter: LogFilter, line: SandboxLogLine) {
    return (
      wants(filter, line.source) && line.timeMs >= filter.sinceMs && levelAllows(filter.minLevel, line.level)
    );
  }

  async function* output(record: SandboxRecord, options: LogOptions): AsyncGenerator<SandboxLogLine> {
    const access = await accessOf(record, drivers);
    for await (const { timeMs, stream: target, message } of access.logs(refOf(record), options)) {
      yield { sandboxId: record.id, timeMs, level: 'INFO', target, message, source: 'sandbox', fields: {} };
    }
  }

  async function outputTail(
    record: SandboxRecord,
    lines: number,
    filter: LogFilter,
    signal: AbortSignal,
  ): Promise<SandboxLogLine[]> {
    if (!wants(filter, 'sandbox') || record.phase === 'provisioning') {
      return [];
    }
    const found: SandboxLogLine[] = [];
    try {
      const options = { follow: false, tail: lines, sinceMs: filter.sinceMs, signal };
      for await (const line of output(record, options)) {
        found.push(line);
      }
    } catch (error) {
      const { code, reason } = OpenShellError.from(error);
      // Without a resource there is no output, but the gateway's own lines are still useful.
      if (code !== Code.NOT_FOUND && code !== Code.UNIMPLEMENTED && reason !== 'DriverNotRunning') {
        throw error;
      }
    }
    return found;
  }

  async function followOutput(
    record: SandboxRecord,
    filter: LogFilter,
    emit: (line: SandboxLogLine) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let sinceMs = Math.max(filter.sinceMs, Date.now());
    const backoff = createBackoff(REFOLLOW_MS, REFOLLOW_MS);
    while (!signal.aborted) {
      try {
        for await (const line of output(record, { follow: true, tail: undefined, sinceMs, signal })) {
          sinceMs = line.timeMs + 1;
          if (allows(filter, line)) {
            await emit(line);
          }
          if (signal.aborted) {
            return;
          }
        }
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        log.debug('following the output of a sandbox', { sandbox_id: record.id, error });
      }
      await delay(backoff.next(), signal).catch(() => {});
    }
  }

  return {
    async tail({ signal }, record, lines, filter) {
      activity(record, 'logs');
      const most = lines === 0 ? LIMIT.logLines : Math.min(lines, LIMIT.logLines);
      const own = wants(filter, 'gateway') ? gatewayLog.tail(record.id, most) : [];
      const all = [...own, ...(await outputTail(record, most, filter, signal))];
      all.sort((a, b) => a.timeMs - b.timeMs);
      const latest = all.slice(-most);
      return { lines: latest.filter((line) => allows(filter, line)), total: latest.length };
    },
    follow(record, filter, emit, signal) {
      if (signal.aborted) {
        return;
      }
      const unsubscribe = gatewayLog.subscribe(record.id, (line) => {
        if (allows(filter, line)) {
          emit.gateway(line);
        }
      });
      signal.addEventListener('abort', unsubscribe, { once: true });
      if (wants(filter, 'sandbox')) {
        void followOutput(record, filter, emit.sandbox, signal);
      }
    },
  };
}
