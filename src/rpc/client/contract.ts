import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Method } from '../../wire/method.js';

export interface CallOptions {
  /** Deadline of the whole call. Default: 30 s for unary calls, none for streams. */
  timeoutMs?: number;
  /** Ends the call; it then fails with CANCELLED. */
  signal?: AbortSignal;
  /** Sent with the call, by lower-case name. Default: none. */
  headers?: Readonly<Record<string, string>>;
}

/** Default deadline of a unary call. */
export const UNARY_TIMEOUT_MS = 30_000;

/** How client and server authenticate each other. */
export interface ClientTls {
  /** PEM of the authorities for the server's certificate. Default: those that Node trusts. */
  readonly ca?: Buffer | undefined;
  /** PEM of the client's own key and certificate, both or neither. */
  readonly key?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  /** False: accepts any certificate. Default: true. */
  readonly verify?: boolean;
}

/** What a unary call needs of its method; every Method has it. */
export interface UnaryMethod<Request, Response> {
  /** HTTP/2 path, for example `/openshell.v1.OpenShell/Health`. */
  readonly path: string;
  encodeRequest(message: Request): Buffer;
  decodeResponse(bytes: Buffer): Response;
}

/** Unary calls of any service. They fail with a CallFailure. */
export interface UnaryClient {
  unary<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): Promise<Response>;
  close(): void;
}

/** All kinds of calls. They fail with a CallFailure. */
export interface RpcClient extends UnaryClient {
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
}

/** A call with a stream of requests. `responses` may be read once; leaving the loop early ends the call. */
export interface DuplexCall<I extends DescMessage, O extends DescMessage> {
  readonly responses: AsyncIterable<MessageShape<O>>;
  /** Resolves when there is room for another message, or when the call is over. */
  send(message: MessageInitShape<I>): Promise<void>;
  /** The same for an encoded message. */
  sendBytes(bytes: Buffer): Promise<void>;
  /** No more requests; responses continue. */
  end(): void;
  cancel(): void;
}
