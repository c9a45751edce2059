import type * as rpc from '../rpc/server/contract.js';
import { methodKinds } from '../rpc/server/methods.js';

/** Whoever may enter a driver's socket is the gateway. */
type Caller = rpc.IncomingCall;
export type Method = rpc.Method<Caller>;
export type { Send } from '../rpc/server/contract.js';

export const { unary, serverStream, bidi } = methodKinds<Caller>();
