import type { PortConnection } from '../compute/driver.js';
import type { AgentChannel } from './channel.js';

/** A connection to a loopback port inside. UNAVAILABLE when nothing listens there. */
export async function connectThroughAgent(
  channel: AgentChannel,
  port: number,
  signal: AbortSignal,
): Promise<PortConnection> {
  const stream = await channel.connect(port, signal);
  function end() {
    stream.end(0);
    stream.discard();
  }

  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) {
    end();
  }
  const output = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for await (const { data } of stream.output) {
        yield data;
      }
      signal.throwIfAborted();
      await stream.exit;
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  };
  return { output: output(), input: stream.input };
}
