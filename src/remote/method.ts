import type * as rpc from '../rpc/server/contract.js';
import { methodKinds } from '../rpc/server/methods.js';

/** The metadata key of the token by which a driver process recognises the gateway that started it. */
export const TOKEN_KEY = 'openshell-driver-token';

/** Only the gateway can connect to a driver's socket. */
type Caller = rpc.IncomingCall;
export type Method = rpc.Method<Caller>;
export type { Send } from '../rpc/server/contract.js';

export const { unary, serverStream, bidi } = methodKinds<Caller>();
