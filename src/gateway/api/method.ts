import type * as rpc from '../../rpc/server/contract.js';
import { methodKinds } from '../../rpc/server/methods.js';
import type { User } from '../auth.js';

export type CallContext = rpc.CallContext<User>;
export type Handler = rpc.Handler<User>;
export type { Send } from '../../rpc/server/contract.js';

export type Method = rpc.Method<User>;
export type ServedMethod = rpc.ServedMethod<User>;

export const { unary, unaryBytes, serverStream, bidi, unimplemented } = methodKinds<User>();
