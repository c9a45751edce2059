import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Code } from '../../compute/errors.js';
import { CallFailure } from '../call-failure.js';

/** As in the full client: a response may be this far ahead of its reader. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Options for node:tls, with the context already created; `connect` is node:tls's own, loaded by the caller. */
export interface LinkTls {
  readonly connect: typeof import('node:tls').connect;
  readonly options: ConnectionOptions;
}

/** One HTTP/2 connection. */
export interface Link {
  readonly session: ClientHttp2Session;
  /** Accepts no more calls: it is closed, or the server sent GOAWAY. */
  readonly isSpent: boolean;
  /** Why calls on a lost connection failed; undefined while it is open. */
  failure(): CallFailure | undefined;
  /** Keeps the process alive and pings the server until the returned function is called. */
  use(): () => void;
}

export interface Keepalive {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

/** @param target `HOST:PORT`, `[ADDRESS]:PORT` or `unix:PATH` */
export function openLink(target: string, tls: LinkTls | undefined, keepalive?: Keepalive): Link {
  const { authority, open } = dialer(target, tls);
  let isReady = false;
  let isSpent = false;
  let error: Error | undefined;
  const session = connectHttp2(`${tls === undefined ? 'http' : 'https'}://${authority}`, {
    createConnection: () => open(),
    settings: { initialWindowSize: WINDOW_BYTES },
    // As in grpc-js: Node's limits end a session in the middle of a large response.
    maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER,
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
  });
  session.unref();
  session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
  session.once('remoteSettings', () => {
    isReady = true;
  });
  session.on('error', (thrown: Error) => {
    error ??= thrown;
  });
  function spend() {
    isSpent = true;
  }

  session.once('goaway', spend);
  session.once('close', spend);
  let users = 0;
  let stopPinging = () => {};
  return {
    session,
    get isSpent() {
      return isSpent || session.closed || session.destroyed;
    },
    failure() {
      if (!session.destroyed && !session.socket?.destroyed && error === undefined) {
        return undefined;
      }
      return isReady ? new CallFailure(Code.UNAVAILABLE, 'Connection dropped') : notConnected(target, error);
    },
    use() {
      if (users++ === 0) {
        session.ref();
        if (keepalive !== undefined) {
          stopPinging = pingWhile(session, keepalive);
        }
      }
      return () => {
        if (--users > 0) {
          return;
        }
        stopPinging();
        if (!session.destroyed) {
          session.unref();
        }
      };
    },
  };
}

function dialer(target: string, tls: LinkTls | undefined): { authority: string; open(): Socket } {
  const path = /^unix:(?:\/\/)?(.+)$/.exec(target)?.[1];
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(target) ?? [];
  const host = bracketed ?? plain;
  if (path === undefined && host === undefined) {
    throw new Error(`'${target}' is not HOST:PORT or unix:PATH`);
  }
  const name = host ?? 'localhost';
  const where = path === undefined ? { host: name, port: Number(port) } : { path };
  return {
    authority: path === undefined ? target : name,
    open() {
      if (tls === undefined) {
        return connectTcp(where).setNoDelay();
      }
      // RFC 6066: an address is not a server name.
      const servername = isIP(name) === 0 ? { servername: name } : {};
      return tls.connect({ ...where, ...servername, ...tls.options, ALPNProtocols: ['h2'] }).setNoDelay();
    },
  };
}

/** Uses grpc-js's messages, which the CLI's hints depend on. */
function notConnected(target: string, error: Error | undefined): CallFailure {
  if (error === undefined) {
    return new CallFailure(Code.UNAVAILABLE, 'No connection established. Last error: Failed to connect');
  }
  // A failure of several addresses has all their errors, and no message of its own.
  const last =
    error instanceof AggregateError ? ((error.errors.at(-1) as Error | undefined) ?? error) : error;
  const { code } = last as NodeJS.ErrnoException;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new CallFailure(Code.UNAVAILABLE, `Name resolution failed for target dns:${target}`);
  }
  return new CallFailure(Code.UNAVAILABLE, `No connection established. Last error: Error: ${last.message}`);
}

/** Detects a server that disappeared silently while a call waits for it. */
function pingWhile(session: ClientHttp2Session, { everyMs, timeoutMs }: Keepalive): () => void {
  let late: NodeJS.Timeout | undefined;
  const every = setInterval(() => {
    if (late !== undefined || session.destroyed || session.connecting) {
      return;
    }
    late = setTimeout(() => session.destroy(), timeoutMs);
    session.ping(() => {
      clearTimeout(late);
      late = undefined;
    });
  }, everyMs);
  return () => {
    clearInterval(every);
    clearTimeout(late);
  };
}
