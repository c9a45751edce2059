import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { Code, OpenShellError } from '../../compute/errors.js';
import { withDeadline } from '../../kit/deadline.js';
import { isLoopback } from '../../kit/loopback.js';
import { cutText } from '../../kit/text.js';

export interface HttpEndpoint {
  /** `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

export interface HealthServerOptions {
  readonly address: string;
  readonly version: string;
  /** Each resolves when what it checks is healthy. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>;
  readonly drivers: () => readonly {
    readonly name: string;
    readonly state: string;
    readonly reason: string;
  }[];
  /** The content of /strays. */
  readonly strays: () => readonly unknown[];
  /** Host names that requests may use besides addresses. */
  readonly allowedHosts?: readonly string[];
}

const CHECK_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 100;

/**
 * `/healthz` answers 200 while the process runs; `/readyz` and `/health` report whether it can work, 200 or 503;
 * `/strays` lists resources on the engines that have no row. It names sandboxes, so it answers this machine only, while
 * probes may come from others.
 */
export function createHealthServer(options: HealthServerOptions): Promise<HttpEndpoint> {
  return open(options, async (path, response, { socket }) => {
    if (path === '/healthz') {
      return send(response, 200, 'text/plain', 'ok\n');
    }
    if (path === '/strays' && socket.remoteAddress !== socket.localAddress) {
      return send(response, 403, 'text/plain', 'from this machine only\n');
    }
    if (path === '/strays') {
      return sendJson(response, 200, { strays: options.strays() });
    }
    if (path !== '/readyz' && path !== '/health') {
      return send(response, 404, 'text/plain', 'not found\n');
    }
    const names = Object.keys(options.checks);
    const results = await Promise.all(Object.values(options.checks).map(run));
    const checks = Object.fromEntries(names.map((name, i) => [name, results[i] as CheckResult]));
    const drivers = options.drivers();
    const healthy =
      Object.values(checks).every((check) => check.status === 'healthy') &&
      drivers.some((d) => d.state === 'ready');
    const body = {
      status: healthy ? 'healthy' : 'unhealthy',
      version: options.version,
      checks,
      drivers: Object.fromEntries(
        drivers.map(({ name, state, reason }) => [name, reason ? { state, reason } : { state }]),
      ),
    };
    sendJson(response, healthy ? 200 : 503, body);
  });
}

/** `/metrics` in Prometheus' text format. */
export function createMetricsServer(options: {
  address: string;
  render: () => Promise<string>;
  allowedHosts?: readonly string[];
}): Promise<HttpEndpoint> {
  return open(options, async (path, response) => {
    if (path !== '/metrics') {
      return send(response, 404, 'text/plain', 'not found\n');
    }
    send(response, 200, 'text/plain; version=0.0.4', await options.render());
  });
}

interface CheckResult {
  readonly status: string;
  readonly latency_ms?: number;
  readonly error?: string;
}

async function run(check: () => Promise<void>): Promise<CheckResult> {
  const startedAt = performance.now();
  try {
    await withDeadline(CHECK_TIMEOUT_MS, undefined, check);
    return { status: 'healthy', latency_ms: Math.round(performance.now() - startedAt) };
  } catch (error) {
    const { code, message } = OpenShellError.from(error);
    const isLate = code === Code.DEADLINE_EXCEEDED;
    return { status: 'unhealthy', error: isLate ? `no answer within ${CHECK_TIMEOUT_MS} ms` : message };
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function open(
  { address, allowedHosts = [] }: { readonly address: string; readonly allowedHosts?: readonly string[] },
  answer: (path: string, response: ServerResponse, request: IncomingMessage) => Promise<void>,
): Promise<HttpEndpoint> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const isAllowedHost = hostCheck(host, allowedHosts);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 1_000, maxHeaderSize: 8192 },
    (request, response) => {
      handle(request, response, isAllowedHost, answer).catch(() => {
        if (response.headersSent) {
          response.destroy();
        } else {
          send(response, 500, 'text/plain', 'failed\n');
        }
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(address.slice(colon + 1)), host, () => {
      server.off('error', reject);
      // A connection that could not be accepted; the client sees the error.
      server.on('error', () => {});
      const { port } = server.address() as AddressInfo;
      resolve({ address: `${address.slice(0, colon)}:${port}`, close: () => close(server) });
    });
  });
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  isAllowedHost: (host: string | undefined) => boolean,
  answer: (path: string, response: ServerResponse, request: IncomingMessage) => Promise<void>,
): Promise<void> {
  request.resume();
  if (!isAllowedHost(request.headers.host)) {
    const host = JSON.stringify(cutText(request.headers.host ?? '', 256));
    const text = `the host ${host} is not served here: use an address, or add it to http_allowed_hosts\n`;
    return send(response, 421, 'text/plain', text);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return send(response, 405, 'text/plain', 'GET only\n');
  }
  await answer((request.url ?? '/').split('?')[0] as string, response, request);
}

/**
 * Protects against DNS rebinding: a web page whose name was pointed at our address could read the answers, but its
 * requests carry that name. Allowed are addresses and the operator's names; on a loopback listener only loopback
 * addresses and `localhost`, which browsers never resolve elsewhere. A request without a host is not from a browser.
 */
function hostCheck(listening: string, allowed: readonly string[]) {
  const names = new Set(allowed.map((name) => name.toLowerCase()));
  const onLoopback = isLoopback(listening);
  return (header: string | undefined): boolean => {
    if (header === undefined) {
      return true;
    }
    const name = header
      .replace(/:\d*$/, '')
      .replace(/^\[(.*)\]$/, '$1')
      .toLowerCase();
    if (names.has(name)) {
      return true;
    }
    return onLoopback ? name === 'localhost' || isLoopback(name) : isIP(name) !== 0;
  };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
