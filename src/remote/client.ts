import type { CallOptions, ComputeDriver, DriverCapabilities, DriverEvent } from '../compute/driver.js';
import { Code, OpenShellError, unavailable } from '../compute/errors.js';
import { delay } from '../kit/deadline.js';
import { createRpcClient } from '../rpc/client/client.js';
import type { RpcClient } from '../rpc/client/contract.js';
import { fromFailure } from '../rpc/failure.js';
import { driverMethods as wire } from '../wire/compute/index.js';
import { connectAccess } from './access-client.js';
import { asCaller } from './caller.js';
import { answersPing } from './engine-ping.js';
import { fromDriverSandbox, fromRef, toEvent, toObserved } from './messages.js';
import { checkSocket, SOCKET_MISSING } from './socket.js';

interface ConnectDriverOptions {
  /** What the gateway calls the driver. */
  readonly name: string;
  readonly socketPath: string;
  /** What a server that we started asks for. */
  readonly token?: string | undefined;
  /** How long the socket may take to appear and answer. Default: 30,000. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 30_000;
const RETRY_MS = 250;
/** The caller's signal decides; these only end a call whose caller has none. */
const QUERY_TIMEOUT_MS = 60_000;
const CHANGE_TIMEOUT_MS = 35 * 60_000;

/**
 * A driver in another process, over openshell.compute.v1 on a Unix socket. A driver that serves no access there is
 * good for lifecycle alone. UNAVAILABLE when nothing answers in time, FAILED_PRECONDITION when the socket is not safe.
 */
export async function connectDriver(options: ConnectDriverOptions): Promise<ComputeDriver> {
  const { name, socketPath, signal } = options;
  const client = asCaller(await connect(options), options.token);

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

  async function unlessUnimplemented(call: Promise<unknown>, options: CallOptions): Promise<void> {
    try {
      await ask(call, options.signal);
    } catch (error) {
      if (!(error instanceof OpenShellError) || error.code !== Code.UNIMPLEMENTED) {
        throw error;
      }
    }
  }

  return {
    name,
    access: await connectAccess(client, signal),
    async capabilities(options): Promise<DriverCapabilities> {
      const told = await ask(client.unary(wire.getCapabilities, {}, query(options)), options.signal);
      return {
        driverName: told.driverName || name,
        driverVersion: told.driverVersion,
        defaultImage: told.defaultImage,
        gatewayManagesLifecycle: told.gatewayManagesLifecycle,
        resources: undefined,
      };
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
      try {
        const { sandbox } = await ask(
          client.unary(wire.getSandbox, fromRef(ref), query(options)),
          options.signal,
        );
        return sandbox && toObserved(sandbox);
      } catch (error) {
        if (error instanceof OpenShellError && error.code === Code.NOT_FOUND) {
          return undefined;
        }
        throw error;
      }
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
        // Opened before the list: what changes in between comes on the stream.
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
    ensureWorkspace: (workspace, options) =>
      unlessUnimplemented(client.unary(wire.ensureWorkspace, { workspace }, change(options)), options),
    deleteWorkspace: (workspace, options) =>
      unlessUnimplemented(client.unary(wire.deleteWorkspace, { workspace }, change(options)), options),
    async close() {
      client.close();
    },
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
        throw engineSocket(socketPath);
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

function engineSocket(path: string): OpenShellError {
  return new OpenShellError(Code.FAILED_PRECONDITION, `'${path}' is an engine's socket, not a driver's`, {
    reason: 'EngineSocket',
    hint: 'set engine_socket instead of socket_path in the driver table: socket_path is only ever a driver process',
  });
}
