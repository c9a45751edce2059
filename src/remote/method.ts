import type * as rpc from '../rpc/server/contract.js';
import { methodKinds } from '../rpc/server/methods.js';

/** The one caller of a driver's socket. */
export type Gateway = rpc.Subject;
export type Method = rpc.Method<Gateway>;
export type { Send } from '../rpc/server/contract.js';

export const { unary, serverStream, bidi } = methodKinds<Gateway>();
