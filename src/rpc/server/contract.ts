import type { Encoded } from '../../wire/bytes-field.js';

/** The other end of a connection. */
export interface Peer {
  /** `host:port`, `[v6]:port`, or `unknown`. */
  readonly address: string;
  /** Those of its certificate, which may have several. */
  readonly certificateCommonNames: readonly string[];
  /** When its certificate expires; undefined without one. */
  readonly certificateExpiresMs?: number | undefined;
}

/** What tells who makes a call. */
export interface Evidence {
  readonly peer: Peer;
  /** `/package.Service/Method`. */
  readonly method: string;
  /** The text of a header, by its lower-case name; what came several times is joined by commas. */
  readonly header: (name: string) => string | undefined;
}

/** Whoever an authenticator found. Streams are counted by subject. */
export interface Subject {
  readonly subject: string;
}

/** What a handler knows about the call it answers. */
export interface CallContext<User extends Subject> extends Evidence {
  readonly user: User;
  /** From the client's `x-request-id`, or made here. */
  readonly requestId: string;
  /** Aborts when the client goes away, its deadline passes or the server ends. */
  readonly signal: AbortSignal;
}

/** Hands one message to the client. A promise means: wait for it before the next, the client reads slowly. */
export type Send = (message: Encoded) => Promise<void> | undefined;

/** How an RPC is answered. Messages are raw bytes: decoding is the affair of whoever knows the generation. */
export type Handler<User extends Subject> =
  | { readonly kind: 'unary'; handle(request: Buffer, context: CallContext<User>): Promise<Uint8Array> }
  | {
      readonly kind: 'server-stream';
      handle(request: Buffer, context: CallContext<User>, send: Send): Promise<void>;
    }
  | {
      readonly kind: 'bidi';
      handle(requests: AsyncIterable<Buffer>, context: CallContext<User>, send: Send): Promise<void>;
    }
  /** UNIMPLEMENTED, whatever its streaming. */
  | { readonly kind: 'unimplemented' };

/** What gRPC has to know of a method before any message is read. */
export interface MethodPath {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export interface Method<User extends Subject> extends MethodPath {
  readonly handler: Handler<User>;
}

/** A method whose handler may have to load first. */
export interface ServedMethod<User extends Subject> extends MethodPath {
  /** Asked at each call. */
  readonly handler: () => Handler<User> | Promise<Handler<User>>;
}
