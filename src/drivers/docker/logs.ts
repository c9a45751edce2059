import type { Readable } from 'node:stream';
import type { LogLine, LogOptions } from '../../compute/driver.js';
import { demultiplex, type Frame } from '../container/frames.js';
import { linesOf } from '../container/log-lines.js';
import type { DockerClient } from './api/client.js';
import { engineError } from './api/fault.js';
import { terminalFrames } from './terminal-log.js';

/** The main process's lines. Ends with the process, or without an error when the signal aborts. */
export async function* containerLogs(
  client: DockerClient,
  containerId: string,
  tty: boolean,
  options: LogOptions,
): AsyncGenerator<LogLine> {
  const { signal, sinceMs } = options;
  let stream: Readable | undefined;
  function onAbort() {
    return stream?.destroy();
  }

  try {
    stream = await openLogs(client, containerId, options);
    signal.addEventListener('abort', onAbort, { once: true });
    const frames: AsyncIterable<Frame> = tty ? terminalFrames(stream) : demultiplex(stream, { whole: true });
    for await (const line of linesOf(frames, tty)) {
      if (line.timeMs >= sinceMs) {
        yield line;
      }
    }
  } catch (error) {
    if (!signal.aborted) {
      throw engineError(error, 'read of the log');
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream?.destroy();
  }
}

/** Always as a stream: the client's own call collects a log that is not followed in memory. */
function openLogs(client: DockerClient, containerId: string, options: LogOptions): Promise<Readable> {
  const { follow, tail, sinceMs, signal } = options;
  const query = new URLSearchParams({
    stdout: 'true',
    stderr: 'true',
    timestamps: 'true',
    follow: String(follow),
    tail: tail === undefined ? 'all' : String(tail),
    // Whole seconds: what is too early is left out afterwards.
    since: String(Math.floor(sinceMs / 1_000)),
  });
  return client.call(
    'read of the log',
    () =>
      new Promise<Readable>((resolve, reject) => {
        client.docker.modem.dial(
          {
            // The client cuts off the last character of a path with a query.
            path: `/containers/${containerId}/logs?${query}&`,
            method: 'GET',
            isStream: true,
            abortSignal: signal,
            statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
          },
          (error, answer) => (error ? reject(error) : resolve(answer as Readable)),
        );
      }),
    { signal },
  );
}
