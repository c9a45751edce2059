import { OpenShellError } from '../../compute/errors.js';
import type { TelemetryOptions, TelemetrySink } from '../../compute/telemetry.js';
import { deadline, withDeadline } from '../../kit/deadline.js';
import { payload } from './payload.js';
import { createPost } from './post.js';

/** How many events may be queued; further ones are dropped. */
const MAX_QUEUED = 1024;
const POST_TIMEOUT_MS = 5_000;

/** Sends events one by one, each once, and drops those that fail. INVALID_ARGUMENT when the endpoint is no URL. */
export function createTelemetry(options: TelemetryOptions): TelemetrySink {
  const { version, log } = options;
  const post = createPost(options.endpoint);
  const queue: string[] = [];
  const ended = new AbortController();
  let isClosed = false;
  let dropped = 0;
  let sending: Promise<void> | undefined;

  async function send(body: string): Promise<void> {
    try {
      // Not runWithDeadline, whose timer keeps the process alive: no event is worth that.
      const status = await post(body, deadline(POST_TIMEOUT_MS, ended.signal));
      if (status >= 300) {
        log.debug('a telemetry event was refused', { status });
      }
    } catch (error) {
      log.debug('a telemetry event was not sent', { error: OpenShellError.from(error) });
    }
  }

  async function drain(): Promise<void> {
    while (!ended.signal.aborted) {
      const body = queue.shift();
      if (body === undefined) {
        break;
      }
      await send(body);
    }
    sending = undefined;
  }

  return {
    record(event) {
      if (isClosed) {
        return;
      }
      if (queue.length >= MAX_QUEUED) {
        dropped++;
        return;
      }
      queue.push(payload(event, version, Date.now()));
      sending ??= drain();
    },
    async close(timeoutMs) {
      isClosed = true;
      await withDeadline(timeoutMs, undefined, async () => sending).catch(() => ended.abort());
      await sending;
      dropped += queue.length;
      queue.length = 0;
      if (dropped > 0) {
        log.debug('telemetry events were dropped', { dropped });
      }
    },
  };
}
