import { createConnection, type Socket } from 'node:net';
import { OpenShellError, unavailable } from '../../../../compute/errors.js';
import { createDeferred } from '../../../../kit/deferred.js';
import { wholeLines } from '../../../../kit/lines.js';
import { orAborted } from '../promises.js';

interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** QEMU's control socket. QEMU is less trusted than the driver, so lines are bounded. */
export interface Qmp {
  /** The command's return value. UNAVAILABLE with QEMU's message when it fails or the socket is lost. */
  run(command: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<unknown>;
  onEvent(listener: (event: QmpEvent) => void): void;
  /** Resolves when the socket is closed, most likely because QEMU ended. */
  readonly closed: Promise<void>;
  close(): void;
}

const MAX_LINE_BYTES = 1024 * 1024;
const MAX_EARLY_EVENTS = 64;

interface Message {
  readonly QMP?: unknown;
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class?: string; readonly desc?: string };
  readonly event?: string;
  readonly data?: Record<string, unknown>;
}

/** Connects and negotiates. UNAVAILABLE when nothing listens or it is not QMP. */
export async function connectQmp(path: string, signal: AbortSignal): Promise<Qmp> {
  const socket = createConnection({ path });
  const replies = new Map<number, ReturnType<typeof createDeferred<unknown>>>();
  const listeners: ((event: QmpEvent) => void)[] = [];
  const early: QmpEvent[] = [];
  let nextId = 1;
  const greeting = createDeferred();
  const closed = createDeferred();
  socket.on('close', () => {
    for (const reply of replies.values()) {
      reply.reject(unavailable('QEMU closed its control socket'));
    }
    greeting.reject(unavailable(`no QEMU answers at ${path}`));
    closed.resolve();
  });
  socket.on('error', () => {});

  function onMessage(message: Message) {
    if (message.QMP !== undefined) {
      return greeting.resolve();
    }
    if (message.event !== undefined) {
      const event = { name: message.event, data: message.data ?? {} };
      if (listeners.length === 0 && early.length < MAX_EARLY_EVENTS) {
        early.push(event);
      }
      for (const listener of listeners) {
        listener(event);
      }
      return;
    }
    const reply = replies.get(message.id ?? -1);
    if (message.error === undefined) {
      reply?.resolve(message.return);
    } else {
      reply?.reject(unavailable(`QEMU: ${message.error.desc ?? message.error.class ?? 'unknown error'}`));
    }
  }

  void readMessages(socket, onMessage);

  const run: Qmp['run'] = async (command, args, runSignal) => {
    if (closed.settled) {
      throw unavailable('QEMU closed its control socket');
    }
    const id = nextId++;
    const reply = createDeferred<unknown>();
    replies.set(id, reply);
    try {
      runSignal.throwIfAborted();
      socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
      return await orAborted(reply.promise, runSignal);
    } catch (error) {
      throw OpenShellError.from(error);
    } finally {
      replies.delete(id);
    }
  };

  try {
    await orAborted(greeting.promise, signal);
    await run('qmp_capabilities', {}, signal);
  } catch (error) {
    socket.destroy();
    throw OpenShellError.from(error);
  }
  return {
    run,
    onEvent: (listener) => {
      listeners.push(listener);
      for (const event of early.splice(0)) {
        listener(event);
      }
    },
    closed: closed.promise,
    close: () => socket.destroy(),
  };
}

/** Closes the connection on a line that is too long or not JSON. */
async function readMessages(socket: Socket, onMessage: (message: Message) => void): Promise<void> {
  try {
    for await (const line of wholeLines(socket, MAX_LINE_BYTES, () => new Error('the line is too long'))) {
      if (line.trim() !== '') {
        onMessage(JSON.parse(line) as Message);
      }
    }
  } catch {
    socket.destroy();
  }
}
