import { request } from 'node:http';
import type { CallOptions, ComputeDriver, DriverCapabilities, DriverEvent } from '../compute/driver.js';
import { Code, failedPrecondition, OpenShellError, unavailable } from '../compute/errors.js';
import { currentTrace } from '../compute/trace.js';
import { delay } from '../kit/deadline.js';
import { createRpcClient } from '../rpc/client/client.js';
import type { RpcClient } from '../rpc/client/contract.js';
import { fromFailure } from '../rpc/failure.js';
import { traceHeaders } from '../rpc/headers.js';
import { driverMethods as wire } from '../wire/compute/index.js';
import { connectAccess } from './access-client.js';
import { fromDriverSandbox, fromRef, toEvent, toObserved } from './messages.js';
import { TOKEN_KEY } from './method.js';
import { checkSocket, SOCKET_MISSING } from './socket.js';

interface ConnectDriverOptions {
  /** The gateway's name for the driver. */
  readonly name: string;
  readonly socketPath: string;
  /** Expected by a server that we started. */
  readonly token?: string | undefined;
  /** How long the socket may take to appear and respond. Default: 30,000. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 30_000;
const RETRY_MS = 250;
const PING_TIMEOUT_MS = 1_000;
/** Upper limits; the caller's signal usually ends a call earlier. */
const QUERY_TIMEOUT_MS = 60_000;
const CHANGE_TIMEOUT_MS = 35 * 60_000;

/**
 * A driver in another process, over openshell.compute.v1 on a Unix socket. One that serves no access there offers
 * lifecycle only. UNAVAILABLE when nothing responds in time, FAILED_PRECONDITION when the socket is not safe.
 */
export async function connectDriver(options: ConnectDriverOptions): Promise<ComputeDriver> {
  const { name, socketPath, signal } = options;
  const client = withHeaders(await connect(options), options.token);

  async function ask<T>(call: Promise<T>, callSignal: AbortSignal): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw fromFailure(error, callSignal);
    }
  }

  function query(options: CallOptions) {
    return { signal: options.signal, timeoutMs: QUERY_TIMEOUT_MS };
  }

  function change(options: CallOptions) {
    return { signal: options.signal, timeoutMs: CHANGE_TIMEOUT_MS };
  }

  /** The call's result; undefined when it fails with `code`. */
  async function tolerate<T>(code: Code, call: Promise<T>, options: CallOptions): Promise<T | undefined> {
    try {
      return await ask(call, options.signal);
    } catch (error) {
      if (error instanceof OpenShellError && error.code === code) {
        return undefined;
      }
      throw error;
    }
  }

  return {
    name,
    access: await connectAccess(client, signal),
    async capabilities(options): Promise<DriverCapabilities> {
      const reported = await ask(client.unary(wire.getCapabilities, {}, query(options)), options.signal);
      const { driverVersion, defaultImage, gatewayManagesLifecycle } = reported;
      const driverName = reported.driverName || name;
      return { driverName, driverVersion, defaultImage, gatewayManagesLifecycle, resources: undefined };
    },
    async validateCreate(sandbox, options) {
      await ask(
        client.unary(wire.validateSandboxCreate, { sandbox: fromDriverSandbox(sandbox) }, query(options)),
        options.signal,
      );
    },
    async create(sandbox, options) {
      await ask(
        client.unary(wire.createSandbox, { sandbox: fromDriverSandbox(sandbox) }, change(options)),
        options.signal,
      );
    },
    async get(ref, options) {
      const found = await tolerate(
        Code.NOT_FOUND,
        client.unary(wire.getSandbox, fromRef(ref), query(options)),
        options,
      );
      return found?.sandbox && toObserved(found.sandbox);
    },
    async list(options) {
      const { sandboxes } = await ask(client.unary(wire.listSandboxes, {}, query(options)), options.signal);
      return sandboxes.map(toObserved);
    },
    async stop(ref, options) {
      await ask(client.unary(wire.stopSandbox, fromRef(ref), change(options)), options.signal);
    },
    async start(ref, options) {
      await ask(client.unary(wire.startSandbox, fromRef(ref), change(options)), options.signal);
    },
    async delete(ref, options) {
      return (await ask(client.unary(wire.deleteSandbox, fromRef(ref), change(options)), options.signal))
        .deleted;
    },
    async *watch(options): AsyncGenerator<DriverEvent> {
      try {
        // Opened before the list, so that changes in between arrive on the stream.
        const stream = client.serverStream(wire.watchSandboxes, {}, { signal: options.signal });
        const { sandboxes } = await client.unary(wire.listSandboxes, {}, query(options));
        for (const sandbox of sandboxes) {
          yield { type: 'sandbox', sandbox: toObserved(sandbox) };
        }
        yield { type: 'synced' };
        for await (const message of stream) {
          const event = toEvent(message);
          if (event !== undefined) {
            yield event;
          }
        }
      } catch (error) {
        if (options.signal.aborted) {
          return;
        }
        throw fromFailure(error);
      }
      if (!options.signal.aborted) {
        throw unavailable(`driver '${name}' at '${socketPath}' ended its watch`);
      }
    },
    async ensureWorkspace(workspace, options) {
      await tolerate(
        Code.UNIMPLEMENTED,
        client.unary(wire.ensureWorkspace, { workspace }, change(options)),
        options,
      );
    },
    async deleteWorkspace(workspace, options) {
      await tolerate(
        Code.UNIMPLEMENTED,
        client.unary(wire.deleteWorkspace, { workspace }, change(options)),
        options,
      );
    },
    async close() {
      client.close();
    },
  };
}

/** The same client, whose calls carry the token, if any, and the caller's trace. */
function withHeaders(client: RpcClient, token: string | undefined): RpcClient {
  function headers(): Record<string, string> {
    const trace = currentTrace();
    return {
      ...(token === undefined ? {} : { [TOKEN_KEY]: token }),
      ...(trace === undefined ? {} : traceHeaders(trace)),
    };
  }

  return {
    ...client,
    unary: (method, message, options) => client.unary(method, message, { ...options, headers: headers() }),
    serverStream: (method, message, options) =>
      client.serverStream(method, message, { ...options, headers: headers() }),
    duplex: (method, options) => client.duplex(method, { ...options, headers: headers() }),
  };
}

async function connect(options: ConnectDriverOptions): Promise<RpcClient> {
  const { socketPath, signal, timeoutMs = CONNECT_TIMEOUT_MS } = options;
  const until = performance.now() + timeoutMs;
  for (;;) {
    let client: RpcClient | undefined;
    try {
      await checkSocket(socketPath);
      client = createRpcClient(`unix:${socketPath}`, { reconnect: { leastMs: 100, mostMs: 2_000 } });
      await client.waitForReady(Math.max(RETRY_MS, Math.min(2_000, until - performance.now())));
      return client;
    } catch (error) {
      client?.close();
      const missing = error instanceof OpenShellError && error.reason === SOCKET_MISSING;
      if (await answersPing(socketPath)) {
        throw failedPrecondition(`'${socketPath}' is the socket of an engine, not of a driver`, {
          reason: 'EngineSocket',
          hint: 'in the driver table set engine_socket instead of socket_path, which is for driver processes only',
        });
      }
      if (error instanceof OpenShellError && !missing) {
        throw error;
      }
      if (performance.now() >= until) {
        throw unavailable(
          `failed to connect to remote compute driver socket '${socketPath}' within ${timeoutMs / 1000}s`,
          {
            reason: 'DriverSocketUnreachable',
            hint: 'start the driver, or correct socket_path',
            cause: error,
          },
        );
      }
      await delay(RETRY_MS, signal);
    }
  }
}

/** Whether an engine's HTTP API responds on a Unix socket, which is then not a driver's gRPC socket. */
function answersPing(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: PING_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy());
    ping.on('error', () => resolve(false));
    ping.on('close', () => resolve(false));
    ping.end();
  });
}
