import { ChannelCredentials, Client, type ClientOptions, Metadata } from '@grpc/grpc-js';
import { type CallOptions, type ClientTls, type RpcClient, UNARY_TIMEOUT_MS } from './contract.js';
import { cancelOnAbort, duplexCall, failed, responsesOf } from './streams.js';

/** How far a server may be ahead of the reader; HTTP/2's default of 64 KiB would slow a command's output. */
const WINDOW_BYTES = 4 * 1024 * 1024;

export interface RpcClientOptions {
  /** Default: plaintext. */
  readonly tls?: ClientTls;
  /** Pings a silent connection this often, and closes it when no answer comes in time. Default: never. */
  readonly keepalive?: { readonly everyMs: number; readonly timeoutMs: number };
  /** The largest response. Default: gRPC's 4 MiB. */
  readonly maxAnswerBytes?: number;
  /** How far the server may be ahead of the reader. Default: 4 MiB. */
  readonly windowBytes?: number;
  /** The minimum and maximum time between reconnection attempts. Default: grpc-js's. */
  readonly reconnect?: { readonly leastMs: number; readonly mostMs: number };
  /** Does not share connections with other clients of this process. Default: false. */
  readonly ownConnection?: boolean;
}

/** @param target as grpc-js takes it: `127.0.0.1:17670`, `unix:/run/x.sock`, `dns:///host:port`. */
export function createRpcClient(target: string, options: RpcClientOptions = {}): RpcClient {
  const client = new Client(target, credentialsOf(options.tls), channelOptions(options));
  return {
    unary: (method, request, options = {}) =>
      new Promise((resolve, reject) => {
        const { timeoutMs = UNARY_TIMEOUT_MS } = options;
        const call = client.makeUnaryRequest(
          method.path,
          method.encodeRequest,
          method.decodeResponse,
          request,
          metadataOf(options),
          deadlineIn(timeoutMs),
          (error, response) => {
            release();
            if (error) {
              reject(failed(error));
            } else if (response !== undefined) {
              resolve(response);
            }
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
        metadataOf(options),
        deadlineIn(options.timeoutMs),
      );
      return responsesOf(call, options.signal);
    },
    duplex: (method, options = {}) => {
      const call = client.makeBidiStreamRequest(
        method.path,
        (bytes: Buffer) => bytes,
        method.decodeResponse,
        metadataOf(options),
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

function credentialsOf(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) {
    return ChannelCredentials.createInsecure();
  }
  const { ca = null, key = null, cert = null, verify = true } = tls;
  const options = verify ? {} : { rejectUnauthorized: false, checkServerIdentity: () => undefined };
  return ChannelCredentials.createSsl(ca, key, cert, options);
}

function channelOptions(options: RpcClientOptions): ClientOptions {
  const { keepalive, maxAnswerBytes, windowBytes = WINDOW_BYTES, reconnect, ownConnection } = options;
  return {
    'grpc-node.flow_control_window': windowBytes,
    // Only the caller knows whether a call may be retried.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    ...(keepalive && {
      'grpc.keepalive_time_ms': keepalive.everyMs,
      'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
    }),
    ...(maxAnswerBytes && { 'grpc.max_receive_message_length': maxAnswerBytes }),
    ...(reconnect && {
      'grpc.initial_reconnect_backoff_ms': reconnect.leastMs,
      'grpc.max_reconnect_backoff_ms': reconnect.mostMs,
    }),
    ...(ownConnection && { 'grpc.use_local_subchannel_pool': 1 }),
  };
}

function metadataOf({ headers = {} }: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    metadata.set(name, value);
  }
  return metadata;
}

function deadlineIn(timeoutMs: number | undefined): { deadline?: number } {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}
