import { chmodSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { Hold } from './log-of-writes.js';

/** Beside the database: whoever may read the database may copy it. */
export function backupSocket(path: string): string {
  return `${path}-backup`;
}

/** Messages, one line each: the file is held; it was copied; it did not change meanwhile, or else why it did. */
export const SAYS = { still: 'still', copied: 'copied', whole: 'whole' } as const;

const SOCKET_MODE = 0o600;
const MAX_CONNECTIONS = 4;
/** A longer copy is abandoned: the write-ahead log grows while it lasts. */
const HOLD_MS = 10 * 60_000;

interface BackupServer {
  close(): Promise<void>;
}

/** Keeps the database file unchanged for a client, so that another process can copy it while writes continue. */
export async function serveBackups(
  path: string,
  hold: () => Hold,
  log: Logger,
): Promise<BackupServer | undefined> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serve(socket, hold);
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    await listen(server, backupSocket(path));
  } catch (error) {
    log.warn(`no backups while the gateway runs: ${OpenShellError.from(error).message}`, { error });
    return undefined;
  }
  return {
    async close() {
      for (const socket of open) {
        socket.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An existing socket is a dead gateway's: this one holds the lock of the database. */
async function listen(server: Server, socketPath: string): Promise<void> {
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  chmodSync(socketPath, SOCKET_MODE);
  server.unref();
}

function serve(socket: Socket, hold: () => Hold): void {
  let held: Hold | undefined;
  socket.on('error', () => {});
  socket.once('close', () => held?.release());
  socket.setTimeout(HOLD_MS, () => socket.destroy());
  try {
    held = hold();
  } catch (error) {
    socket.end(`${OpenShellError.from(error).text.replaceAll('\n', ' ')}\n`);
    return;
  }
  socket.write(`${SAYS.still}\n`);
  createInterface(socket).once('line', (line) => {
    const wasHeld = held?.release() ?? false;
    socket.end(
      line === SAYS.copied && wasHeld
        ? `${SAYS.whole}\n`
        : 'the gateway had to write to the file meanwhile; try again\n',
    );
  });
}
