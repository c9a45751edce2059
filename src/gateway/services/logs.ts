import type { LogLine } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Caller } from '../auth/principal.js';
import type { ManagedDriver } from '../drivers/managed.js';
import { refOf } from '../lifecycle/driver-sandbox.js';
import { levelAllows, type SandboxLog, type SandboxLogLine } from '../sandbox-log.js';
import type { Activity } from './activity.js';
import { LIMIT } from './limits.js';
import { accessOf } from './sandboxes.js';

export interface LogFilter {
  /** Lines of this time and later; 0: all. */
  readonly sinceMs: number;
  /** `sandbox`, `gateway`; empty: both. */
  readonly sources: readonly string[];
  /** Empty: all levels. */
  readonly minLevel: string;
}

export interface LogService {
  /** The latest `lines` (0: 2,000) of both sources, oldest first, and how many there were before the filter. */
  tail(
    caller: Caller,
    record: SandboxRecord,
    lines: number,
    filter: LogFilter,
  ): Promise<{ lines: SandboxLogLine[]; total: number }>;
  /**
   * New lines of both sources until the signal aborts; `emit` must not throw. Of the output no more is read from the
   * engine than `emit.sandbox` has taken.
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

/** From one end of the main process's output to the next look, while following. */
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
      wants(filter, line.source as 'sandbox' | 'gateway') &&
      line.timeMs >= filter.sinceMs &&
      levelAllows(filter.minLevel, line.level)
    );
  }

  function fromDriver(record: SandboxRecord, line: LogLine): SandboxLogLine {
    return {
      sandboxId: record.id,
      timeMs: line.timeMs,
      level: 'INFO',
      target: line.stream,
      message: line.message,
      source: 'sandbox',
      fields: {},
    };
  }

  async function output(
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
      const access = await accessOf(record, drivers);
      for await (const line of access.logs(refOf(record), {
        follow: false,
        tail: lines,
        sinceMs: filter.sinceMs,
        signal,
      })) {
        found.push(fromDriver(record, line));
      }
    } catch (error) {
      const known = OpenShellError.from(error);
      // No resource, no output: the gateway's own lines still tell what happened.
      if (known.code !== Code.NOT_FOUND && known.code !== Code.UNIMPLEMENTED && !orphaned(known)) {
        throw error;
      }
    }
    return found;
  }

  function orphaned(error: OpenShellError) {
    return error.reason === 'DriverNotRunning';
  }

  async function followOutput(
    record: SandboxRecord,
    filter: LogFilter,
    emit: (line: SandboxLogLine) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let sinceMs = Math.max(filter.sinceMs, Date.now());
    const again = createBackoff(REFOLLOW_MS, REFOLLOW_MS);
    while (!signal.aborted) {
      try {
        const access = await accessOf(record, drivers);
        for await (const line of access.logs(refOf(record), {
          follow: true,
          tail: undefined,
          sinceMs,
          signal,
        })) {
          sinceMs = line.timeMs + 1;
          const entry = fromDriver(record, line);
          if (allows(filter, entry)) {
            await emit(entry);
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
      await delay(again.next(), signal).catch(() => {});
    }
  }

  return {
    async tail({ signal }, record, lines, filter) {
      activity(record, 'logs');
      const most = lines === 0 ? LIMIT.logLines : Math.min(lines, LIMIT.logLines);
      const own = wants(filter, 'gateway') ? gatewayLog.tail(record.id, most) : [];
      const all = [...own, ...(await output(record, most, filter, signal))].sort(
        (a, b) => a.timeMs - b.timeMs,
      );
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
