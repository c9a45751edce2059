import { Metadata, Server, ServerCredentials, type ServerOptions, type sendUnaryData } from '@grpc/grpc-js';
import { Code, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { withTrace } from '../../compute/trace.js';
import type { Patience } from '../../kit/drain.js';
import { readTrace } from '../headers.js';
import { type Status, toStatus } from '../status.js';
import { cancelled, type GrpcCall, incoming, requestsOf, senderOf } from './call.js';
import { createConnections } from './connections.js';
import type { Admitted, IncomingCall, MethodPath, ServedMethod } from './contract.js';
import { nameOf, rawServiceDefinition } from './definition.js';
import { createInFlight, within } from './in-flight.js';
import { createStreamLimit, type RpcLimits } from './limits.js';
import { type Certificates, type Listener, listen } from './listener.js';

export interface RpcServerOptions<Caller, M extends ServedMethod<Caller>> {
  /** Its name in errors, such as `gateway`. */
  readonly what: string;
  readonly methods: readonly M[];
  /** Returns the caller of a call, or throws. */
  readonly admit: (call: IncomingCall, method: M) => Admitted<Caller> | Promise<Admitted<Caller>>;
  /** The largest request. */
  readonly requestBytes: number;
  /** Undefined: none, for a Unix socket that only one process may use. */
  readonly limits?: RpcLimits;
  /** Whether responses carry the request's id as `x-request-id`. */
  readonly sendsRequestIds: boolean;
  readonly log: Logger;
  /** Called after every call: full method name, gRPC code, seconds, subject (empty: none). */
  readonly observeCall?: (method: string, code: number, seconds: number, subject: string) => void;
}

export interface RpcServer {
  /**
   * Accepts connections at `host:port` or `unix:/path`. Returns the port that was bound, 0 for a path. Without
   * certificates: plaintext.
   */
  listen(address: string, certificates?: Certificates): Promise<number>;
  /** Refuses new calls, gives running ones `graceMs`, then cancels them, which also kills commands of execs. */
  close(graceMs: number): Promise<void>;
  /** Ends calls and connections at once. */
  end(): void;
}

/** Time for cancelled handlers: an exec ends its command with TERM, and 2 s later with KILL. */
const UNDO_MS = 5_000;
/** Time for the last status of a call to reach its client. */
const FLUSH_MS = 500;

/** Serves methods, whose handlers know nothing of gRPC. */
export function createRpcServer<Caller, M extends ServedMethod<Caller>>(
  options: RpcServerOptions<Caller, M>,
): RpcServer {
  const { what, admit, limits, sendsRequestIds, log, observeCall } = options;
  const server = new Server(serverOptions(options));
  const inFlight = createInFlight();
  const connections = limits && createConnections(limits.staleMs);
  const streams = limits && createStreamLimit(limits.streamsPerUser);
  const patience = limits && patienceOf(limits.stalledMs);
  const listeners: Listener[] = [];
  let closing = false;

  async function answer(
    method: M,
    call: GrpcCall,
    aborter: AbortController,
    fail: (status: Status) => void,
    run: (caller: Caller) => Promise<void>,
  ): Promise<void> {
    const startedAt = performance.now();
    const asked = incoming(call, method, aborter);
    const { requestId, isStream, signal } = asked;
    let code = 0;
    let leave = () => {};
    let admitted: Admitted<Caller> | undefined;
    try {
      if (sendsRequestIds) {
        const initial = new Metadata();
        initial.set('x-request-id', requestId);
        call.sendMetadata(initial);
      }
      if (closing) {
        throw shuttingDown(what);
      }
      if (connections) {
        leave = connections.enter(call.getPeer(), asked.abort);
      }
      const known = await admit(asked, method);
      admitted = known;
      if (isStream) {
        // A call that has ended meanwhile would still be counted.
        signal.throwIfAborted();
        streams?.take(known.subject, call);
      }
      await withTrace(readTrace(asked.header), () => run(known.caller));
    } catch (thrown) {
      const status = await toStatus(thrown);
      code = status.code;
      const fields = {
        method: method.path,
        code,
        request_id: requestId,
        subject: admitted?.subject,
        error: status.error,
      };
      if (code === Code.INTERNAL || code === Code.UNKNOWN) {
        log.error(`${method.path}: ${status.details}`, fields);
      } else {
        log.debug(`${method.path}: ${status.details}`, fields);
      }
      fail(status);
    } finally {
      leave();
      admitted?.ended?.(code);
      observeCall?.(method.path, code, (performance.now() - startedAt) / 1000, admitted?.subject ?? '');
    }
  }

  function implement(method: M) {
    return (raw: unknown, callback?: sendUnaryData<Buffer>) => {
      const call = raw as GrpcCall;
      call.on('error', () => {});
      function fail(status: Status): void {
        if (method.responseStream) {
          call.emit('error', toGrpc(status));
        } else {
          callback?.(toGrpc(status));
        }
      }

      const aborter = new AbortController();
      function cancel() {
        return aborter.abort(cancelled());
      }

      if (call.cancelled) {
        cancel();
      }
      call.on('cancelled', cancel);
      const work = answer(method, call, aborter, fail, async (caller) => {
        const handler = await method.handler();
        switch (handler.kind) {
          case 'unary':
            callback?.(null, (await handler.handle(call.request, caller)) as Buffer);
            return;
          case 'server-stream':
            await handler.handle(call.request, caller, senderOf(call, patience));
            break;
          case 'bidi':
            await handler.handle(requestsOf(call), caller, senderOf(call, patience));
            break;
          case 'unimplemented':
            throw new OpenShellError(
              Code.UNIMPLEMENTED,
              `this ${what} does not serve ${method.path.slice(1)}`,
            );
        }
        // A cancelled stream is not complete.
        aborter.signal.throwIfAborted();
        call.end();
      });
      inFlight.add((reason) => aborter.abort(reason), work);
    };
  }

  for (const methods of byService(options.methods)) {
    const handlers = methods.map((method) => [nameOf(method.path), implement(method)]);
    server.addService(rawServiceDefinition(methods), Object.fromEntries(handlers));
  }

  return {
    async listen(address, certificates) {
      // The listener handles TLS: grpc-js receives the decrypted connections.
      const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
      certificates?.onChange((clients) => clients && connections?.stale());
      const listener = await listen({ address, certificates, limits, log }, (socket) => {
        connections?.add(socket);
        injector.injectConnection(socket);
      });
      listeners.push(listener);
      return listener.port;
    },
    async close(graceMs) {
      // Connections stay open meanwhile: a client can no longer ping a connection that is being closed, and grpc-js then
      // treats it as broken and drops what runs on it.
      closing = true;
      await inFlight.ended(graceMs);
      inFlight.cancelAll(shuttingDown(what));
      await inFlight.ended(UNDO_MS);
      for (const listener of listeners) {
        listener.close();
      }
      const flushed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      if (!(await within(flushed, FLUSH_MS))) {
        server.forceShutdown();
      }
    },
    end() {
      closing = true;
      inFlight.cancelAll(shuttingDown(what));
      for (const listener of listeners) {
        listener.close();
      }
      server.forceShutdown();
    },
  };
}

function byService<M extends MethodPath>(methods: readonly M[]): Iterable<M[]> {
  const services = new Map<string, M[]>();
  for (const method of methods) {
    const service = method.path.slice(0, method.path.lastIndexOf('/'));
    services.set(service, [...(services.get(service) ?? []), method]);
  }
  return services.values();
}

function serverOptions({
  requestBytes,
  limits,
}: {
  requestBytes: number;
  limits?: RpcLimits;
}): ServerOptions {
  return {
    'grpc.max_receive_message_length': requestBytes,
    'grpc.max_send_message_length': -1,
    ...(limits && {
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.keepalive_time_ms': limits.keepaliveMs,
      'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
      'grpc.max_connection_idle_ms': limits.idleMs,
      'grpc.max_concurrent_streams': limits.callsPerConnection,
      'grpc.http2.min_ping_interval_without_data_ms': 1_000,
    }),
  };
}

function toGrpc({ code, details, trailers }: Status) {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) {
    metadata.set(name, value);
  }
  return { code, details, metadata };
}

function shuttingDown(what: string): OpenShellError {
  return new OpenShellError(Code.UNAVAILABLE, `the ${what} is shutting down`, { reason: 'ShuttingDown' });
}

/** The client receives this error when it reads again; its exec is killed, its watch dropped. */
function patienceOf(ms: number): Patience {
  return {
    ms,
    late: () =>
      new OpenShellError(Code.RESOURCE_EXHAUSTED, `the client read nothing for ${ms / 1000} s`, {
        reason: 'ClientStalled',
        hint: 'read the stream as it comes, or raise limits.stalled_stream_secs',
      }),
  };
}
