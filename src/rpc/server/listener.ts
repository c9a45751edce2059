import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { Logger } from '../../compute/log.js';
import type { RpcLimits } from './limits.js';

/** The certificates of a TLS listener, and whom it admits. */
export interface Certificates {
  /** The current ones. */
  context(): SecureContextOptions;
  readonly clientsNeedOne: boolean;
  /** `clients`: admission has changed, not just our certificate. Returns a function that removes the listener. */
  onChange(listener: (clients: boolean) => void): () => void;
}

interface ListenOptions {
  /** `host:port`, or `unix:/path`. */
  readonly address: string;
  /** Undefined: plaintext. */
  readonly certificates: Certificates | undefined;
  /** Undefined: none. */
  readonly limits: RpcLimits | undefined;
  readonly log: Logger;
}

export interface Listener {
  /** 0 for a path. */
  readonly port: number;
  /** Stops accepting connections. */
  close(): void;
}

/** Time for a client to finish its handshake. */
const HANDSHAKE_MS = 10_000;
const WARN_EVERY_MS = 60_000;
const UNIX = 'unix:';

/**
 * Accepts connections, within the limits, over TLS when there are certificates; each connection uses the certificates
 * at that time.
 */
export async function listen(
  { address, certificates, limits, log }: ListenOptions,
  onConnection: (socket: Socket | TLSSocket) => void,
): Promise<Listener> {
  const server = certificates === undefined ? createServer(onConnection) : secure(certificates, onConnection);
  const warn = throttled((message) => log.warn(message, { reason: 'TooManyConnections' }));
  if (limits) {
    limitConnections(server, limits, warn);
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(placeOf(address), () => {
      server.off('error', reject);
      // Failing to accept another connection must not end those that are open.
      server.on('error', (error) => warn(`a connection could not be accepted: ${error.message}`));
      resolve();
    });
  });
  const bound = server.address() as AddressInfo | string;
  return { port: typeof bound === 'string' ? 0 : bound.port, close: () => void server.close() };
}

function placeOf(address: string): { path: string } | { port: number; host: string } {
  if (address.startsWith(UNIX)) {
    return { path: address.slice(UNIX.length) };
  }
  const colon = address.lastIndexOf(':');
  return { port: Number(address.slice(colon + 1)), host: address.slice(0, colon).replace(/^\[|\]$/g, '') };
}

function limitConnections(server: Server, limits: RpcLimits, warn: (message: string) => void): void {
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
      if (left === 0) {
        open.delete(from);
      } else {
        open.set(from, left);
      }
    });
  });
}

function secure(certificates: Certificates, onConnection: (socket: TLSSocket) => void): Server {
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
    if (socket.alpnProtocol === 'h2') {
      onConnection(socket);
    } else {
      socket.destroy();
    }
  });
  // A new context has new keys for session tickets: sessions admitted before cannot be resumed.
  const stop = certificates.onChange(() => server.setSecureContext(certificates.context()));
  server.once('close', stop);
  return server;
}

function throttled(write: (message: string) => void): (message: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (message) => {
    if (performance.now() - last < WARN_EVERY_MS) {
      return;
    }
    last = performance.now();
    write(message);
  };
}
