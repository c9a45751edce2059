import type { Metadata } from '@grpc/grpc-js';
import type { Encoded } from '../../wire/bytes-field.js';
import type { User } from '../auth.js';

/** What a handler knows about the call it answers. */
export interface CallContext {
  readonly user: User;
  /** From the client's `x-request-id`, or made here; echoed and logged. */
  readonly requestId: string;
  /** Aborts when the client goes away, its deadline passes or the gateway ends. */
  readonly signal: AbortSignal;
  readonly metadata: Metadata;
}

/** Hands one message to the client. A promise means: wait for it before the next, the client reads slowly. */
export type Send = (message: Encoded) => Promise<void> | undefined;

/** How an RPC is answered. Messages are raw bytes: decoding is the affair of whoever knows the generation. */
export type Handler =
  | { readonly kind: 'unary'; handle(request: Buffer, context: CallContext): Promise<Uint8Array> }
  | {
      readonly kind: 'server-stream';
      handle(request: Buffer, context: CallContext, send: Send): Promise<void>;
    }
  | {
      readonly kind: 'bidi';
      handle(requests: AsyncIterable<Buffer>, context: CallContext, send: Send): Promise<void>;
    }
  /** UNIMPLEMENTED, whatever its streaming. */
  | { readonly kind: 'unimplemented' };

export interface Method {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly handler: Handler;
  /** Answered without authentication. */
  readonly open?: true;
}

/** A method whose handler may have to load first. */
export interface ServedMethod extends Omit<Method, 'handler'> {
  /** Asked at each call. */
  readonly handler: () => Handler | Promise<Handler>;
}
