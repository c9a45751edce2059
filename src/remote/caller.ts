import { Metadata } from '@grpc/grpc-js';
import { currentTrace } from '../compute/trace.js';
import type { WireClient } from '../wire/client.js';
import { writeTrace } from '../wire/trace.js';
import { TOKEN_KEY } from './token.js';

/** The same client, whose every call says who calls (`token`, if there is one) and for which trace. */
export const asCaller = (client: WireClient, token: string | undefined): WireClient => {
  const metadata = (): Metadata => {
    const made = new Metadata();
    if (token !== undefined) made.set(TOKEN_KEY, token);
    const trace = currentTrace();
    if (trace !== undefined) writeTrace(made, trace);
    return made;
  };
  return {
    ...client,
    unary: (method, request, options) => client.unary(method, request, { ...options, metadata: metadata() }),
    serverStream: (method, request, options) =>
      client.serverStream(method, request, { ...options, metadata: metadata() }),
    duplex: (method, options) => client.duplex(method, { ...options, metadata: metadata() }),
  };
};
