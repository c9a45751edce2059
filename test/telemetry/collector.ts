import { createServer, type ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import type { TelemetryOptions, TelemetrySink } from '../../dist/compute/telemetry.js';
import telemetry from '../../dist/parts/telemetry/entry.js';
import { listen } from '../support/listen.js';

export interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
}

export interface Collector {
  readonly endpoint: string;
  readonly received: Received[];
}

/** An HTTP server that keeps what it is sent and answers as `answer` says; it ends with the test. */
export async function startCollector(
  t: TestContext,
  answer: (response: ServerResponse) => void = (response) => response.writeHead(204).end(),
): Promise<Collector> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) {
      body += chunk;
    }
    received.push({
      method: request.method,
      url: request.url,
      contentType: request.headers['content-type'],
      body,
    });
    answer(response);
  });
  const port = await listen(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${port}/v1/events?k=1`, received };
}

/** A sink as the gateway makes it, and what it logged. */
export async function startSink(
  endpoint: string,
): Promise<{ sink: TelemetrySink; logged: { message: string; fields: unknown }[] }> {
  const logged: { message: string; fields: unknown }[] = [];
  const refuse = (message: string) => {
    throw new Error(`logged above debug level: ${message}`);
  };
  const log: TelemetryOptions['log'] = {
    debug: (message, fields) => logged.push({ message, fields }),
    info: refuse,
    warn: refuse,
    error: refuse,
    level: 'debug',
    child: () => log,
  };
  const { createTelemetry } = await telemetry.load();
  return { sink: createTelemetry({ endpoint, version: '1.2.3', log }), logged };
}
