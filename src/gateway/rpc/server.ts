import { randomUUID } from 'node:crypto';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Code, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { withTrace } from '../../compute/trace.js';
import { requestsOf } from '../../rpc/server/requests.js';
import { type Status, toStatus } from '../../rpc/status.js';
import { readTrace } from '../../rpc/trace.js';
import type { Encoded } from '../../wire/bytes-field.js';
import type { Authenticate } from '../auth/authenticate.js';
import type { Authorizer } from '../auth/authorizer.js';
import type { Change } from '../auth/changes.js';
import { checkKind } from '../auth/methods.js';
import { type Caller, NOBODY } from '../auth/principal.js';
import type { Certificates } from '../credentials.js';
import type { Send, ServedMethod } from './call.js';
import { createConnections } from './connections.js';
import type { RpcLimits } from './limits.js';
import { type Listener, listen } from './listener.js';
import { createStreamLimit } from './stream-limit.js';
import { createUnderWay, within } from './under-way.js';

export interface RpcServerOptions {
  readonly methods: readonly ServedMethod[];
  readonly authenticate: Authenticate;
  readonly authorizer: Authorizer;
  readonly limits: RpcLimits;
  readonly log: Logger;
  /** Tells of every finished call: full method name, gRPC code, seconds, whose it was; empty: nobody's. */
  readonly observeCall: (method: string, code: number, seconds: number, subject: string) => void;
  /** Tells of every finished call that was to change something. */
  readonly recordChange: (change: Change) => void;
}

export interface RpcServer {
  /** Returns the port that was bound. Undefined: plaintext. */
  listen(address: string, certificates: Certificates | undefined): Promise<number>;
  /** Refuses new calls, gives running ones `graceMs`, then ends them: what they began, an exec's command too, is undone. */
  close(graceMs: number): Promise<void>;
}

/** OpenShell's limit for one message. */
const MESSAGE_BYTES = 1024 * 1024;
/** For handlers that were cancelled: an exec ends its command with TERM, and 2 s later with KILL. */
const UNDO_MS = 5_000;
/** For the last status of a call to reach its client. */
const FLUSH_MS = 500;
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

type Call = ServerUnaryCall<Buffer, Buffer> &
  ServerWritableStream<Buffer, Encoded> &
  ServerReadableStream<Buffer, Buffer> &
  ServerDuplexStream<Buffer, Encoded>;

export const createRpcServer = (options: RpcServerOptions): RpcServer => {
  const { log, limits, authorizer, observeCall } = options;
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.max_connection_idle_ms': limits.idleMs,
    'grpc.max_concurrent_streams': limits.callsPerConnection,
    'grpc.http2.min_ping_interval_without_data_ms': 1_000,
  });
  const underWay = createUnderWay();
  const connections = createConnections(limits.staleMs);
  const streams = createStreamLimit(limits.streamsPerUser);
  let listener: Listener | undefined;
  let closing = false;

  const callerOf = async (
    call: Call,
    { path, access }: ServedMethod,
    requestId: string,
    aborter: AbortController,
  ): Promise<Caller> => {
    const certificate = call.getAuthContext().sslPeerCertificate;
    const evidence = {
      peer: {
        address: call.getPeer(),
        certificateCommonNames: [certificate?.subject?.CN ?? []].flat(),
        certificateExpiresMs: certificate && Date.parse(certificate.valid_to),
      },
      method: path,
      header: (name: string) => textOf(call.metadata.get(name)[0]),
    };
    const cancel = () => aborter.abort(new OpenShellError(Code.CANCELLED, 'the client cancelled the call'));
    if (call.cancelled) cancel();
    call.on('cancelled', cancel);
    const { signal } = aborter;
    const principal = access.who === 'anyone' ? NOBODY : await options.authenticate(evidence, signal);
    checkKind(principal, access);
    return { principal, access, requestId, signal };
  };

  const answer = async (
    method: ServedMethod,
    call: Call,
    aborter: AbortController,
    fail: (status: Status) => void,
    run: (caller: Caller) => Promise<void>,
  ) => {
    const startedAt = performance.now();
    const given = textOf(call.metadata.get('x-request-id')[0]);
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
    const isStream = method.requestStream || method.responseStream;
    let code = 0;
    let leave = () => {};
    let release = () => {};
    let caller: Caller | undefined;
    try {
      const initial = new Metadata();
      initial.set('x-request-id', requestId);
      call.sendMetadata(initial);
      if (closing) throw shuttingDown();
      leave = connections.enter(call.getPeer(), (reason) => aborter.abort(reason));
      const known = await callerOf(call, method, requestId, aborter);
      caller = known;
      if (isStream) streams.take(known.principal.subject, call);
      if (isStream || known.access.changes) {
        release = authorizer.watch(known, (reason) => aborter.abort(reason));
      }
      await withTrace(
        readTrace((name) => call.metadata.get(name)[0]?.toString()),
        () => run(known),
      );
    } catch (thrown) {
      const status = await toStatus(thrown);
      code = status.code;
      const fields = {
        method: method.path,
        code,
        request_id: requestId,
        subject: caller?.principal.subject,
        error: status.error,
      };
      if (code === Code.INTERNAL || code === Code.UNKNOWN)
        log.error(`${method.path}: ${status.details}`, fields);
      else log.debug(`${method.path}: ${status.details}`, fields);
      fail(status);
    } finally {
      leave();
      if (caller?.access.changes === true) {
        options.recordChange({ caller, method: method.path, code, targets: authorizer.granted(caller) });
      }
      release();
      const seconds = (performance.now() - startedAt) / 1000;
      observeCall(method.path, code, seconds, caller?.principal.subject ?? '');
    }
  };

  const sender =
    (call: Call): Send =>
    (message) => {
      if (call.cancelled || call.destroyed)
        throw new OpenShellError(Code.CANCELLED, 'the client cancelled the call');
      if (call.write(message)) return undefined;
      return new Promise((resolve, reject) => {
        const done = () => {
          clearTimeout(late);
          for (const event of WAKING) call.off(event, done);
          resolve();
        };
        const late = setTimeout(() => {
          reject(stalled(limits.stalledMs));
          done();
        }, limits.stalledMs).unref();
        for (const event of WAKING) call.on(event, done);
      });
    };

  const implement = (method: ServedMethod) => (raw: unknown, callback?: sendUnaryData<Buffer>) => {
    const call = raw as Call;
    call.on('error', () => {});
    const fail = (status: Status): void => {
      if (method.responseStream) call.emit('error', status);
      else callback?.(status);
    };
    const aborter = new AbortController();
    const work = answer(method, call, aborter, fail, async (caller) => {
      const handler = await method.handler();
      switch (handler.kind) {
        case 'unary':
          callback?.(null, (await handler.handle(call.request, caller)) as Buffer);
          return;
        case 'server-stream':
          await handler.handle(call.request, caller, sender(call));
          break;
        case 'bidi':
          await handler.handle(requestsOf(call), caller, sender(call));
          break;
        case 'unimplemented':
          throw new OpenShellError(Code.UNIMPLEMENTED, `this gateway does not serve ${method.path.slice(1)}`);
      }
      // A stream that ended because it was cancelled is not complete.
      caller.signal.throwIfAborted();
      call.end();
    });
    underWay.add((reason) => aborter.abort(reason), work);
  };

  const byService = new Map<
    string,
    { definition: Mutable<ServiceDefinition>; implementation: UntypedServiceImplementation }
  >();
  for (const method of options.methods) {
    const [, service = '', name = ''] = method.path.split('/');
    const entry = byService.get(service) ?? { definition: {}, implementation: {} };
    byService.set(service, entry);
    entry.definition[name] = {
      path: method.path,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asFrame,
      responseDeserialize: asIs,
    };
    entry.implementation[name] = implement(method) as UntypedServiceImplementation[string];
  }
  for (const { definition, implementation } of byService.values())
    server.addService(definition, implementation);

  return {
    async listen(address, certificates) {
      // TLS is the listener's: grpc-js gets the connections as they are inside.
      const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
      certificates?.onChange((clients) => clients && connections.stale());
      listener = await listen(address, certificates, limits, log, (socket) => {
        connections.add(socket);
        injector.injectConnection(socket);
      });
      return listener.port;
    },
    async close(graceMs) {
      // Connections stay open meanwhile: a client that was told that its connection ends can ping it no more, and
      // grpc-js takes that for a broken one and gives up what runs on it.
      closing = true;
      await underWay.ended(graceMs);
      underWay.cancelAll(shuttingDown());
      await underWay.ended(UNDO_MS);
      listener?.close();
      const flushed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      if (!(await within(flushed, FLUSH_MS))) server.forceShutdown();
    },
  };
};

const shuttingDown = (): OpenShellError =>
  new OpenShellError(Code.UNAVAILABLE, 'the gateway is shutting down', { reason: 'ShuttingDown' });

/** A client is told so when it reads again; its exec is ended, its watch given up. */
const stalled = (ms: number): OpenShellError =>
  new OpenShellError(Code.RESOURCE_EXHAUSTED, `the client read nothing for ${ms / 1000} s`, {
    reason: 'ClientStalled',
    hint: 'read the stream as it comes, or raise limits.stalled_stream_secs',
  });

/** Binary headers are none of ours. */
const textOf = (value: string | Buffer | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const WAKING = ['drain', 'cancelled', 'close'] as const;

const asIs = (message: Buffer): Buffer => message;

/** Of what is sent, grpc-js asks for no more than its length and that it copies itself behind five bytes of its own. */
const asFrame = (message: Encoded): Buffer => message as Buffer;
