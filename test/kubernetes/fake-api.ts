import http from 'node:http';
import { createRest, type Rest } from '../../dist/drivers/kubernetes/rest.js';
import { createThrottle } from '../../dist/drivers/kubernetes/throttle.js';
import { listen } from '../support/listen.js';

export type Handler = (request: URL, response: http.ServerResponse, method: string) => void;

export interface FakeApi {
  readonly rest: Rest;
  readonly requests: URL[];
  /** How often the client threw its credentials away. */
  readonly forgotten: number;
  close(): Promise<void>;
}

/** An API server that answers what the test says. */
export async function fakeApi(handler: Handler, timeoutMs = 5_000): Promise<FakeApi> {
  const requests: URL[] = [];
  const server = http.createServer((request, response) => {
    const target = new URL(request.url ?? '', 'http://fake');
    requests.push(target);
    handler(target, response, request.method ?? '');
  });
  const port = await listen(server);
  const agent = new http.Agent({ keepAlive: true });
  let forgotten = 0;
  const rest = createRest({
    cluster: {
      server: new URL(`http://127.0.0.1:${port}`),
      access: async () => ({ agent, headers: {} }),
      forget: () => {
        forgotten += 1;
      },
      close: () => agent.destroy(),
    },
    throttle: createThrottle({ perSecond: 1000, burst: 1000 }),
    timeoutMs,
  });
  return {
    rest,
    requests,
    get forgotten() {
      return forgotten;
    },
    async close() {
      rest.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function answer(
  response: http.ServerResponse,
  status: number,
  body: unknown,
  headers: http.OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function refusal(code: number, reason: string, message = reason) {
  return {
    kind: 'Status',
    status: 'Failure',
    code,
    reason,
    message,
  };
}
