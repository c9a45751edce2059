import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Logger } from '../../compute/log.js';
import type { Certificates } from '../credentials.js';
import type { RpcLimits } from './limits.js';

export interface Listener {
  readonly port: number;
  /** Takes no more connections. */
  close(): void;
}

/** A client that does not finish its handshake holds a connection for no longer. */
const HANDSHAKE_MS = 10_000;
const WARN_EVERY_MS = 60_000;

/**
 * Takes connections at `host:port`, at most as many as the limits allow, in TLS when there are certificates; those
 * that come later are served with the certificates of then.
 */
export const listen = async (
  address: string,
  certificates: Certificates | undefined,
  limits: RpcLimits,
  log: Logger,
  onConnection: (socket: Socket | TLSSocket) => void,
): Promise<Listener> => {
  const server = certificates === undefined ? createServer(onConnection) : secure(certificates, onConnection);
  const warn = seldom((message) => log.warn(message, { reason: 'TooManyConnections' }));
  server.maxConnections = limits.connections;
  server.on('drop', () => warn(`${limits.connections} connections are open: another was refused`));
  const open = new Map<string, number>();
  server.prependListener('connection', (socket: Socket) => {
    const from = socket.remoteAddress ?? '';
    const count = open.get(from) ?? 0;
    if (count >= limits.connectionsPerAddress) {
      warn(`${count} connections from ${from} are open: another was refused`);
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    open.set(from, count + 1);
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left === 0) open.delete(from);
      else open.set(from, left);
    });
  });
  const colon = address.lastIndexOf(':');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(address.slice(colon + 1)), address.slice(0, colon).replace(/^\[|\]$/g, ''), () => {
      server.off('error', reject);
      // A host without room for another connection is no reason to end those that are open.
      server.on('error', (error) => warn(`a connection could not be accepted: ${error.message}`));
      resolve();
    });
  });
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
};

const secure = (certificates: Certificates, onConnection: (socket: TLSSocket) => void) => {
  const server = createTlsServer({
    ...certificates.context(),
    ALPNProtocols: ['h2'],
    requestCert: certificates.clientsNeedOne,
    rejectUnauthorized: certificates.clientsNeedOne,
    handshakeTimeout: HANDSHAKE_MS,
    minVersion: 'TLSv1.2',
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    if (socket.alpnProtocol === 'h2') onConnection(socket);
    else socket.destroy();
  });
  // With the new context come new keys for session tickets: nobody takes up a session that was let in before.
  const stop = certificates.onChange(() => server.setSecureContext(certificates.context()));
  server.once('close', stop);
  return server;
};

const seldom = (write: (message: string) => void): ((message: string) => void) => {
  let last = Number.NEGATIVE_INFINITY;
  return (message) => {
    if (performance.now() - last < WARN_EVERY_MS) return;
    last = performance.now();
    write(message);
  };
};
