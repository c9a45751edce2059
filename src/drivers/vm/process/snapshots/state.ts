import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chown } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { unavailable } from '../../../../compute/errors.js';
import { delay } from '../../../../kit/deadline.js';
import { withShortPaths } from '../files.js';
import type { Machine } from '../sandboxes/machine.js';

export interface SavedState {
  readonly bytes: number;
  readonly sha256: string;
}

interface SaveOptions {
  /** QEMU's working directory, where it finds our socket. */
  readonly directory: string;
  readonly owner: number | undefined;
  /** Where to write the state. QEMU has no access to this file. */
  readonly file: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const SOCKET = 'state.sock';
const POLL_MS = 10;
/** Effectively no limit: QEMU's default is for machines that keep running. */
const BYTES_PER_SECOND = 2 ** 40;

/** Stops the machine and writes all of its state, including memory. It stays stopped. */
export async function saveState(machine: Machine, options: SaveOptions): Promise<SavedState> {
  const { signal, owner } = options;
  const server = createServer();
  return withShortPaths(options.directory, async (at) => {
    server.listen(at(SOCKET));
    await once(server, 'listening', { signal });
    if (owner !== undefined) {
      await chown(at(SOCKET), owner, owner);
    }
    const received = once(server, 'connection', { signal }).then(([socket]) =>
      receive(socket as Socket, options),
    );
    received.catch(() => {});
    await machine.control.run('stop', {}, signal);
    await machine.control.run('migrate-set-parameters', { 'max-bandwidth': BYTES_PER_SECOND }, signal);
    await machine.control.run('migrate', { uri: `unix:${SOCKET}` }, signal);
    await migrated(machine, signal);
    return received;
  }).finally(() => server.close());
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
      throw unavailable(`QEMU cannot save its state: ${answer['error-desc'] ?? answer.status}`);
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
        throw unavailable(`QEMU's state is larger than ${maxBytes} bytes`);
      }
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(socket, metered, createWriteStream(file, { flags: 'wx', mode: 0o600 }), { signal });
  return { bytes, sha256: hash.digest('hex') };
}
