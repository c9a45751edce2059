import type { PlatformEvent } from '../../../compute/driver.js';
import type { SandboxRecord } from '../../../store/model.js';
import type { SandboxLogLine } from '../../observe/sandbox-log.js';
import type { WatchInput, WatchItem } from '../../services/watch.js';

interface WatchRequest
  extends Pick<WatchInput, 'followStatus' | 'followLogs' | 'followEvents' | 'eventTail' | 'stopOnTerminal'> {
  readonly logTailLines: number;
  readonly logSources: readonly string[];
  readonly logMinLevel: string;
}

export function toWatchInput(request: WatchRequest, sandboxId: string, sinceMs: number): WatchInput {
  const { logTailLines, logSources, logMinLevel } = request;
  return {
    ...request,
    sandboxId,
    logTail: logTailLines,
    logs: { sinceMs, sources: logSources, minLevel: logMinLevel },
  };
}

/** The payload of a watch event; `to` encodes it for one generation. */
export function toWatchPayload<S, L, E>(
  item: WatchItem,
  to: { sandbox(record: SandboxRecord): S; log(line: SandboxLogLine): L; event(event: PlatformEvent): E },
) {
  switch (item.type) {
    case 'sandbox':
      return { case: item.type, value: to.sandbox(item.record) };
    case 'log':
      return { case: item.type, value: to.log(item.line) };
    case 'event':
      return { case: item.type, value: to.event(item.event) };
  }
}
