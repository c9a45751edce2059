import type { Socket } from 'node:net';
import { Code, OpenShellError } from '../../compute/errors.js';

/** The connections that are open, and the calls on each. */
export interface Connections {
  add(socket: Socket): void;
  /** Counts a call of a peer, `address:port`; throws if its connection is stale. Returns a function to call at its end. */
  enter(peer: string, cancel: (reason: OpenShellError) => void): () => void;
  /** Admission has changed: open connections end with their last call, and after `staleMs` at once. */
  stale(): void;
}

interface Connection {
  readonly socket: Socket;
  readonly calls: Set<(reason: OpenShellError) => void>;
  stale: boolean;
}

/** Time for the last status of a call to reach its client. */
const FLUSH_MS = 500;

export function createConnections(staleMs: number): Connections {
  const open = new Map<string, Connection>();

  function endIfStale({ stale, calls, socket }: Connection) {
    if (stale && calls.size === 0) {
      setTimeout(() => socket.destroy(), FLUSH_MS).unref();
    }
  }

  return {
    add(socket) {
      const peer = `${socket.remoteAddress}:${socket.remotePort}`;
      const connection = { socket, calls: new Set<(reason: OpenShellError) => void>(), stale: false };
      open.set(peer, connection);
      socket.once('close', () => {
        if (open.get(peer) === connection) {
          open.delete(peer);
        }
      });
    },
    enter(peer, cancel) {
      const connection = open.get(peer);
      if (connection === undefined) {
        return () => {};
      }
      if (connection.stale) {
        endIfStale(connection);
        throw changed();
      }
      connection.calls.add(cancel);
      return () => {
        connection.calls.delete(cancel);
        endIfStale(connection);
      };
    },
    stale() {
      const before = [...open.values()];
      for (const connection of before) {
        connection.stale = true;
        endIfStale(connection);
      }
      setTimeout(() => {
        for (const { calls } of before) {
          for (const cancel of [...calls]) {
            cancel(changed());
          }
        }
      }, staleMs).unref();
    },
  };
}

function changed(): OpenShellError {
  return new OpenShellError(
    Code.UNAVAILABLE,
    'the client CA or its revocations changed since this connection was made',
    {
      reason: 'CertificatesChanged',
      hint: 'connect again',
    },
  );
}
