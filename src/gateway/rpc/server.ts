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
import type { Peer, User } from '../auth.js';
import type { CallContext, Send, ServedMethod } from './call.js';
import { type Status, toStatus } from './status.js';

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
  /** Refuses new calls, gives running ones `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** OpenShell's limit for one message. */
const MESSAGE_BYTES = 1024 * 1024;
/** Callers without a name, for open methods. */
const NOBODY: User = { subject: '', displayName: '', roles: [], identityProvider: 'local_dev' };
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

type Call = ServerUnaryCall<Buffer, Buffer> &
  ServerWritableStream<Buffer, Buffer> &
  ServerReadableStream<Buffer, Buffer> &
  ServerDuplexStream<Buffer, Buffer>;

export const createRpcServer = (options: RpcServerOptions): RpcServer => {
  const { log, observeCall } = options;
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.http2.min_ping_interval_without_data_ms': 1_000,
  });
  /** Cancels each call that is under way and whose handler looks at its signal. */
  const cancels = new Set<() => void>();
  let closing = false;

  const contextOf = (
    call: Call,
    method: ServedMethod,
    requestId: string,
  ): { context: CallContext; release: () => void } => {
    const peer: Peer = {
      address: call.getPeer(),
      certificateCommonName: [call.getAuthContext().sslPeerCertificate?.subject?.CN ?? []].flat()[0],
    };
    const user = method.open === true ? NOBODY : options.authenticate(peer);
    const aborter = new AbortController();
    const cancel = () => aborter.abort(new OpenShellError(Code.CANCELLED, 'the client cancelled the call'));
    if (call.cancelled) cancel();
    call.on('cancelled', cancel);
    cancels.add(cancel);
    return {
      context: { user, requestId, metadata: call.metadata, signal: aborter.signal },
      release: () => cancels.delete(cancel),
    };
  };

  const answer = async (
    method: ServedMethod,
    call: Call,
    fail: (status: Status) => void,
    run: (context: CallContext) => Promise<void>,
  ) => {
    const startedAt = performance.now();
    const given = call.metadata.get('x-request-id')[0];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    let code = 0;
    let release = () => {};
    try {
      const initial = new Metadata();
      initial.set('x-request-id', requestId);
      call.sendMetadata(initial);
      if (closing) throw new OpenShellError(Code.UNAVAILABLE, 'the gateway is shutting down');
      const made = contextOf(call, method, requestId);
      release = made.release;
      await run(made.context);
    } catch (thrown) {
      const status = await toStatus(thrown);
      code = status.code;
      const fields = { method: method.path, code, request_id: requestId, error: status.error };
      if (code === Code.INTERNAL || code === Code.UNKNOWN)
        log.error(`${method.path}: ${status.details}`, fields);
      else log.debug(`${method.path}: ${status.details}`, fields);
      fail(status);
    } finally {
      release();
      observeCall(method.path, code, (performance.now() - startedAt) / 1000);
    }
  };

  const sender =
    (call: Call): Send =>
    (message) => {
      if (call.cancelled || call.destroyed)
        throw new OpenShellError(Code.CANCELLED, 'the client cancelled the call');
      if (call.write(message as Buffer)) return undefined;
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
    void answer(method, call, fail, async (context) => {
      const handler = await method.handler();
      switch (handler.kind) {
        case 'unary':
          callback?.(null, (await handler.handle(call.request, context)) as Buffer);
          return;
        case 'server-stream':
          await handler.handle(call.request, context, sender(call));
          break;
        case 'bidi':
          // Reading to the end must not destroy the half that answers.
          await handler.handle(call.iterator({ destroyOnReturn: false }), context, sender(call));
          break;
        case 'unimplemented':
          throw new OpenShellError(Code.UNIMPLEMENTED, `this gateway does not serve ${method.path.slice(1)}`);
      }
      call.end();
    });
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
      responseSerialize: asIs,
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
      await new Promise<void>((resolve) => {
        const cut = setTimeout(() => {
          closing = true;
          for (const cancel of cancels) cancel();
          server.forceShutdown();
          resolve();
        }, graceMs);
        server.tryShutdown(() => {
          clearTimeout(cut);
          resolve();
        });
      });
    },
  };
};

const asIs = (message: Buffer): Buffer => message;
