import type { LogLine, LogOptions } from '../../compute/driver.js';
import { OpenShellError } from '../../compute/errors.js';
import { demultiplex } from '../container/frames.js';
import { linesOf } from '../container/log-lines.js';
import type { PodmanClient } from './api/client.js';

/** The main process's lines. Ends with the process, or without an error when the signal aborts. */
export async function* containerLogs(
  client: PodmanClient,
  containerId: string,
  tty: boolean,
  options: LogOptions,
): AsyncGenerator<LogLine> {
  const { follow, tail, sinceMs, signal } = options;
  const query = { follow, tail, sinceSeconds: Math.floor(sinceMs / 1_000) };
  try {
    const frames = demultiplex(await client.logs(containerId, query, { signal }), { whole: true });
    for await (const line of linesOf(frames, tty)) {
      if (isSince(line.timeMs, sinceMs)) {
        yield line;
      }
    }
  } catch (error) {
    if (!signal.aborted) {
      throw OpenShellError.from(error);
    }
  }
}

/** A time in whole seconds may be up to a second too early. */
function isSince(timeMs: number, sinceMs: number): boolean {
  return timeMs >= (timeMs % 1_000 === 0 ? Math.floor(sinceMs / 1_000) * 1_000 : sinceMs);
}
