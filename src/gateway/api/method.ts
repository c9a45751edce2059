import type * as rpc from '../../rpc/server/contract.js';
import { methodKinds } from '../../rpc/server/methods.js';
import type { Caller, MethodAccess } from '../auth/principal.js';

export type Handler = rpc.Handler<Caller>;
export type Method = rpc.Method<Caller>;
export type { Send } from '../../rpc/server/contract.js';

export interface ServedMethod extends rpc.ServedMethod<Caller> {
  readonly access: MethodAccess;
}

export const { unary, unaryBytes, serverStream, bidi, unimplemented } = methodKinds<Caller>();
