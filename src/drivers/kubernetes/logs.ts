import type { LogLine, LogOptions } from '../../compute/driver.js';
import { Code } from '../../compute/errors.js';
import { LONGEST_LOG_LINE_BYTES } from '../../compute/log-line.js';
import { delay } from '../../kit/deadline.js';
import { readLines } from '../../kit/lines.js';
import { hasCode } from './api-errors.js';
import { CONTAINER, type Place } from './names.js';
import type { Rest } from './rest.js';

/** How often to retry while the container has not been created and so has no log. */
const NOT_YET_MS = 200;

/**
 * The log of a Pod's container. Kubernetes merges the two streams, so every line is stdout. While a Pod has no log yet,
 * following waits for it, and otherwise there are no lines.
 */
export async function* readLogs(
  rest: Rest,
  place: Place,
  { follow, tail, sinceMs, signal }: LogOptions,
): AsyncGenerator<LogLine, void> {
  const path = `/api/v1/namespaces/${place.namespace}/pods/${place.name}/log`;
  const query = {
    container: CONTAINER,
    timestamps: true,
    follow,
    tailLines: tail,
    // Takes whole seconds only; earlier lines are skipped below.
    sinceTime: sinceMs > 0 ? new Date(sinceMs - (sinceMs % 1000)).toISOString() : undefined,
  };
  for (;;) {
    try {
      const response = await rest.stream({
        path,
        query,
        what: `read the log of pod '${place.name}'`,
        signal,
      });
      try {
        yield* toLogLines(response, sinceMs);
      } finally {
        response.destroy();
      }
      return;
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      // 400: the container has not been created yet.
      if (!hasCode(error, Code.INVALID_ARGUMENT)) {
        throw error;
      }
      if (!follow) {
        return;
      }
      await delay(NOT_YET_MS, signal).catch(() => {});
    }
  }
}

/** Each line is `2026-01-02T03:04:05.123456789Z message`; all parts of a long one have the time of the first. */
async function* toLogLines(
  response: AsyncIterable<Uint8Array>,
  sinceMs: number,
): AsyncGenerator<LogLine, void> {
  let timeMs = Number.NaN;
  for await (const { text, begins } of readLines(response, LONGEST_LOG_LINE_BYTES)) {
    const space = begins ? text.indexOf(' ') : -1;
    if (begins) {
      timeMs = Date.parse(text.slice(0, space === -1 ? undefined : space));
    }
    if (Number.isNaN(timeMs) || timeMs < sinceMs) {
      continue;
    }
    const message = space === -1 && begins ? '' : text.slice(space + 1);
    yield { timeMs, stream: 'stdout', message };
  }
}
