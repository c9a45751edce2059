import type { OpenShellError } from '../../compute/errors.js';
import type { Encoded } from '../../wire/bytes-field.js';

/** The other end of a connection. */
export interface Peer {
  /** `host:port`, `[v6]:port`, or `unknown`. */
  readonly address: string;
  /** Of its certificate, which may have several. */
  readonly certificateCommonNames: readonly string[];
  /** When its certificate expires; undefined without one. */
  readonly certificateExpiresMs?: number | undefined;
}

/** What an authenticator can see of a call. */
export interface Evidence {
  readonly peer: Peer;
  /** `/package.Service/Method`. */
  readonly method: string;
  /** The first value of a header, by its name in lower case; undefined also for binary ones. */
  header(name: string): string | undefined;
}

/** A call before its caller is known. */
export interface IncomingCall extends Evidence {
  /** From the client's `x-request-id`, or generated. */
  readonly requestId: string;
  /** Aborts when the client disconnects, its deadline passes or the server stops. */
  readonly signal: AbortSignal;
  /** Whether more than one message goes either way. */
  readonly isStream: boolean;
  /** Ends the call with that error. */
  readonly abort: (reason: OpenShellError) => void;
}

/** A call that may be answered. */
export interface Admitted<Caller> {
  /** Passed to the handler. */
  readonly caller: Caller;
  /** The name for counting streams. */
  readonly subject: string;
  /** Called at its end with its gRPC code. */
  readonly ended?: (code: number) => void;
}

/** Sends one message to the client. If it returns a promise, wait for that before the next: the client reads slowly. */
export type Send = (message: Encoded) => Promise<void> | undefined;

/** How an RPC is answered. Messages are raw bytes: the generation's handler decodes them. */
export type Handler<Caller> =
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

/** What gRPC needs to know about a method before any message is read. */
export interface MethodPath {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export interface Method<Caller> extends MethodPath {
  readonly handler: Handler<Caller>;
}

/** A method whose handler may have to load first. */
export interface ServedMethod<Caller> extends MethodPath {
  /** Called for each call. */
  readonly handler: () => Handler<Caller> | Promise<Handler<Caller>>;
}
