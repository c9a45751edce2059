import type { Encoded } from '../../wire/bytes-field.js';
import type { MethodAccess } from '../auth/methods.js';
import type { Caller } from '../auth/principal.js';

/** Hands one message to the client. A promise means: wait for it before the next, the client reads slowly. */
export type Send = (message: Encoded) => Promise<void> | undefined;

/** How an RPC is answered. Messages are raw bytes: decoding is the affair of whoever knows the generation. */
export type Handler =
  | { readonly kind: 'unary'; handle(request: Buffer, caller: Caller): Promise<Uint8Array> }
  | {
      readonly kind: 'server-stream';
      handle(request: Buffer, caller: Caller, send: Send): Promise<void>;
    }
  | {
      readonly kind: 'bidi';
      handle(requests: AsyncIterable<Buffer>, caller: Caller, send: Send): Promise<void>;
    }
  /** UNIMPLEMENTED, whatever its streaming. */
  | { readonly kind: 'unimplemented' };

export interface Method {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly handler: Handler;
}

/** A method whose handler may have to load first. */
export interface ServedMethod extends Omit<Method, 'handler'> {
  readonly access: MethodAccess;
  /** Asked at each call. */
  readonly handler: () => Handler | Promise<Handler>;
}
