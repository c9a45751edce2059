import { currentTrace } from '../compute/trace.js';
import type { RpcClient } from '../rpc/client/contract.js';
import { traceHeaders } from '../rpc/headers.js';
import { TOKEN_KEY } from './token.js';

/** The same client, whose every call says who calls (`token`, if there is one) and for which trace. */
export function asCaller(client: RpcClient, token: string | undefined): RpcClient {
  function headers(): Record<string, string> {
    const trace = currentTrace();
    return {
      ...(token === undefined ? {} : { [TOKEN_KEY]: token }),
      ...(trace === undefined ? {} : traceHeaders(trace)),
    };
  }

  return {
    ...client,
    unary: (method, request, options) => client.unary(method, request, { ...options, headers: headers() }),
    serverStream: (method, request, options) =>
      client.serverStream(method, request, { ...options, headers: headers() }),
    duplex: (method, options) => client.duplex(method, { ...options, headers: headers() }),
  };
}
