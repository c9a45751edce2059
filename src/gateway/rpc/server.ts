import { randomUUID } from 'node:crypto';
import {
  Metadata,
  Server,
  type ServerCredentials,
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
import type { Encoded } from '../../wire/bytes-field.js';
import { requestsOf } from '../../wire/requests.js';
import { type Status, toStatus } from '../../wire/status.js';
import { readTrace } from '../../wire/trace.js';
import type { Peer, User } from '../auth.js';
import type { CallContext, Send, ServedMethod } from './call.js';
import { createUnderWay, within } from './under-way.js';

export interface RpcServerOptions {
  readonly methods: readonly ServedMethod[];
  readonly authenticate: (peer: Peer) => User;
  readonly log: Logger;
  /** Tells of every finished call: full method name, gRPC code, seconds. */
  readonly observeCall: (method: string, code: number, seconds: number) => void;
}

export interface RpcServer {
  /** Gives the port that was bound. */
  listen(address: string, credentials: ServerCredentials): Promise<number>;
  /** Refuses new calls, gives running ones `graceMs`, then ends them: what they began, an exec's command too, is undone. */
  close(graceMs: number): Promise<void>;
}

/** OpenShell's limit for one message. */
const MESSAGE_BYTES = 1024 * 1024;
/** Callers without a name, for open methods. */
const NOBODY: User = { subject: '', displayName: '', roles: [], identityProvider: 'local_dev' };
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
  const { log, observeCall } = options;
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.http2.min_ping_interval_without_data_ms': 1_000,
  });
  const underWay = createUnderWay();
  let closing = false;

  const contextOf = (
    call: Call,
    method: ServedMethod,
    requestId: string,
    aborter: AbortController,
  ): CallContext => {
    const peer: Peer = {
      address: call.getPeer(),
      certificateCommonName: [call.getAuthContext().sslPeerCertificate?.subject?.CN ?? []].flat()[0],
    };
    const user = method.open === true ? NOBODY : options.authenticate(peer);
    const cancel = () => aborter.abort(new OpenShellError(Code.CANCELLED, 'the client cancelled the call'));
    if (call.cancelled) cancel();
    call.on('cancelled', cancel);
    return { user, requestId, metadata: call.metadata, signal: aborter.signal };
  };

  const answer = async (
    method: ServedMethod,
    call: Call,
    aborter: AbortController,
    fail: (status: Status) => void,
    run: (context: CallContext) => Promise<void>,
  ) => {
    const startedAt = performance.now();
    const given = call.metadata.get('x-request-id')[0];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    let code = 0;
    try {
      const initial = new Metadata();
      initial.set('x-request-id', requestId);
      call.sendMetadata(initial);
      if (closing) throw shuttingDown();
      const context = contextOf(call, method, requestId, aborter);
      await withTrace(readTrace(call.metadata), () => run(context));
    } catch (thrown) {
      const status = await toStatus(thrown);
      code = status.code;
      const fields = { method: method.path, code, request_id: requestId, error: status.error };
      if (code === Code.INTERNAL || code === Code.UNKNOWN)
        log.error(`${method.path}: ${status.details}`, fields);
      else log.debug(`${method.path}: ${status.details}`, fields);
      fail(status);
    } finally {
      observeCall(method.path, code, (performance.now() - startedAt) / 1000);
    }
  };

  const sender =
    (call: Call): Send =>
    (message) => {
      if (call.cancelled || call.destroyed)
        throw new OpenShellError(Code.CANCELLED, 'the client cancelled the call');
      if (call.write(message)) return undefined;
      return new Promise((resolve) => {
        const done = () => {
          call.off('drain', done);
          call.off('cancelled', done);
          call.off('close', done);
          resolve();
        };
        call.on('drain', done);
        call.on('cancelled', done);
        call.on('close', done);
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
    const work = answer(method, call, aborter, fail, async (context) => {
      const handler = await method.handler();
      switch (handler.kind) {
        case 'unary':
          callback?.(null, (await handler.handle(call.request, context)) as Buffer);
          return;
        case 'server-stream':
          await handler.handle(call.request, context, sender(call));
          break;
        case 'bidi':
          await handler.handle(requestsOf(call), context, sender(call));
          break;
        case 'unimplemented':
          throw new OpenShellError(Code.UNIMPLEMENTED, `this gateway does not serve ${method.path.slice(1)}`);
      }
      // A stream that ended because it was cancelled is not complete.
      context.signal.throwIfAborted();
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
    listen: (address, credentials) =>
      new Promise((resolve, reject) => {
        server.bindAsync(address, credentials, (error, port) =>
          error === null ? resolve(port) : reject(error),
        );
      }),
    async close(graceMs) {
      // Connections stay open meanwhile: a client that was told that its connection ends can ping it no more, and
      // grpc-js takes that for a broken one and gives up what runs on it.
      closing = true;
      await underWay.ended(graceMs);
      underWay.cancelAll(shuttingDown());
      await underWay.ended(UNDO_MS);
      const flushed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      if (!(await within(flushed, FLUSH_MS))) server.forceShutdown();
    },
  };
};

const shuttingDown = (): OpenShellError =>
  new OpenShellError(Code.UNAVAILABLE, 'the gateway is shutting down', { reason: 'ShuttingDown' });

const asIs = (message: Buffer): Buffer => message;

/** Of what is sent, grpc-js asks for no more than its length and that it copies itself behind five bytes of its own. */
const asFrame = (message: Encoded): Buffer => message as Buffer;
