import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, type ClientOptions, Metadata } from '@grpc/grpc-js';
import { cancelOnAbort, type DuplexCall, duplexCall, responsesOf } from './client-streams.js';
import type { Method } from './method.js';

const UNARY_TIMEOUT_MS = 30_000;
/** How far a server may run ahead of the reader; HTTP/2's own 64 KiB would hold up the output of a command. */
const WINDOW_BYTES = 4 * 1024 * 1024;

export interface CallOptions {
  /** Deadline of the whole call. Default: 30 s for unary calls, none for streams. */
  timeoutMs?: number;
  /** Ends the call; it then fails with CANCELLED. */
  signal?: AbortSignal;
  metadata?: Metadata;
}

/**
 * A gRPC client for any service whose methods are described by a Method. Calls fail with grpc-js's ServiceError,
 * which has `code`, `details` and `metadata`.
 */
export interface WireClient {
  unary<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<MessageShape<O>>;
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): AsyncIterable<MessageShape<O>>;
  duplex<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    options?: CallOptions,
  ): DuplexCall<I, O>;
  /** Resolves when the channel is connected, rejects after `timeoutMs`. */
  waitForReady(timeoutMs: number): Promise<void>;
  close(): void;
}

/** @param target as grpc-js takes it: `127.0.0.1:17670`, `unix:/run/x.sock`, `dns:///host:port`. */
export function createWireClient(
  target: string,
  credentials: ChannelCredentials,
  clientOptions?: ClientOptions,
): WireClient {
  const client = new Client(target, credentials, {
    'grpc-node.flow_control_window': WINDOW_BYTES,
    ...clientOptions,
  });
  return {
    unary: (method, request, options = {}) =>
      new Promise((resolve, reject) => {
        const { timeoutMs = UNARY_TIMEOUT_MS } = options;
        const call = client.makeUnaryRequest(
          method.path,
          method.encodeRequest,
          method.decodeResponse,
          request,
          options.metadata ?? new Metadata(),
          deadlineIn(timeoutMs),
          (error, response) => {
            release();
            if (error) reject(error);
            else if (response !== undefined) resolve(response);
          },
        );
        const release = cancelOnAbort(call, options.signal);
      }),
    serverStream: (method, request, options = {}) => {
      const call = client.makeServerStreamRequest(
        method.path,
        method.encodeRequest,
        method.decodeResponse,
        request,
        options.metadata ?? new Metadata(),
        deadlineIn(options.timeoutMs),
      );
      return responsesOf(call, options.signal);
    },
    duplex: (method, options = {}) => {
      const call = client.makeBidiStreamRequest(
        method.path,
        (bytes: Buffer) => bytes,
        method.decodeResponse,
        options.metadata ?? new Metadata(),
        deadlineIn(options.timeoutMs),
      );
      return duplexCall(method, call, options.signal);
    },
    waitForReady: (timeoutMs) =>
      new Promise((resolve, reject) => {
        client.waitForReady(Date.now() + timeoutMs, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => client.close(),
  };
}

function deadlineIn(timeoutMs: number | undefined): { deadline?: number } {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}
