import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chown, open } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { unavailable } from '../../../../compute/errors.js';
import { delay } from '../../../../kit/deadline.js';
import type { Machine } from '../sandboxes/machine.js';

export interface SavedState {
  readonly bytes: number;
  readonly sha256: string;
}

interface SaveOptions {
  /** The directory that QEMU runs in, where it finds our socket. */
  readonly directory: string;
  readonly owner: number | undefined;
  /** Where to write the state. QEMU is given no way to this file. */
  readonly file: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const SOCKET = 'state.sock';
const POLL_MS = 10;
/** No limit: QEMU's own one is for machines that run meanwhile. */
const BYTES_PER_SECOND = 2 ** 40;

/** Stops the machine and writes all of its state, memory included. It stays stopped. */
export async function saveState(machine: Machine, options: SaveOptions): Promise<SavedState> {
  const { signal } = options;
  // Through the directory's descriptor: a socket's path may have 107 bytes, and a state directory more.
  const folder = await open(options.directory, 'r');
  const server = createServer();
  try {
    const path = `/proc/self/fd/${folder.fd}/${SOCKET}`;
    server.listen(path);
    await once(server, 'listening', { signal });
    if (options.owner !== undefined) {
      await chown(path, options.owner, options.owner);
    }
    const received = once(server, 'connection', { signal }).then(([socket]) =>
      receive(socket as Socket, options),
    );
    received.catch(() => {});
    await machine.control.run('stop', {}, signal);
    await machine.control.run('migrate-set-parameters', { 'max-bandwidth': BYTES_PER_SECOND }, signal);
    await machine.control.run('migrate', { uri: `unix:${SOCKET}` }, signal);
    await migrated(machine, signal);
    return await received;
  } finally {
    server.close();
    await folder.close();
  }
}

async function migrated(machine: Machine, signal: AbortSignal): Promise<void> {
  for (;;) {
    const answer = (await machine.control.run('query-migrate', {}, signal)) as {
      status?: string;
      'error-desc'?: string;
    };
    if (answer.status === 'completed') {
      return;
    }
    if (answer.status === 'failed' || answer.status === 'cancelled') {
      throw unavailable(`QEMU does not give its state: ${answer['error-desc'] ?? answer.status}`);
    }
    await delay(POLL_MS, signal);
  }
}

async function receive(socket: Socket, { file, maxBytes, signal }: SaveOptions): Promise<SavedState> {
  const hash = createHash('sha256');
  let bytes = 0;
  const metered = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw unavailable(`QEMU gives more than ${maxBytes} bytes of state`);
      }
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(socket, metered, createWriteStream(file, { flags: 'wx', mode: 0o600 }), { signal });
  return { bytes, sha256: hash.digest('hex') };
}
