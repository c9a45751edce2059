import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, OpenShellError } from '../../compute/errors.js';
import { delay } from '../../kit/deadline.js';
import { methods, type SandboxStreamEvent, type WatchSandboxRequestSchema } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';

const MAX_FAILURES = 5;
const FIRST_PAUSE_MS = 200;

/** Transient: a lagging watcher is cut off, or a gateway restarts. The next watch starts with the current state. */
const TRANSIENT: readonly Code[] = [Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.ABORTED];

/**
 * The events of a sandbox across streams: when one ends, a new one is opened, at most 5 times in a row without an event
 * in between. Never ends by itself; throws when the sandbox is gone, and the signal's reason when it aborts.
 */
export async function* watchSandbox(
  gateway: Gateway,
  request: MessageInitShape<typeof WatchSandboxRequestSchema>,
  signal: AbortSignal,
): AsyncGenerator<SandboxStreamEvent> {
  for (let failures = 0; ; failures++) {
    try {
      for await (const event of gateway.stream(methods.watchSandbox, request, { signal })) {
        yield event;
        failures = 0;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof OpenShellError) || !TRANSIENT.includes(error.code) || failures >= MAX_FAILURES) {
        throw error;
      }
    }
    await delay(FIRST_PAUSE_MS * 2 ** Math.min(failures, 3), signal);
  }
}
