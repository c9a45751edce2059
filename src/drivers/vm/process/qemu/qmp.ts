import { createConnection, type Socket } from 'node:net';
import { OpenShellError, unavailable } from '../../../../compute/errors.js';
import { createDeferred } from '../../../../kit/deferred.js';
import { wholeLines } from '../../../../kit/lines.js';

interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** QEMU's control socket. QEMU is trusted less than we are: lines are bounded. */
export interface Qmp {
  /** The command's return value. UNAVAILABLE with QEMU's words when it fails or the socket is lost. */
  run(command: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<unknown>;
  onEvent(listener: (event: QmpEvent) => void): void;
  /** Resolves when the socket is gone, and QEMU with it, most likely. */
  readonly closed: Promise<void>;
  close(): void;
}

const MAX_LINE_BYTES = 1024 * 1024;

interface Message {
  readonly QMP?: unknown;
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class?: string; readonly desc?: string };
  readonly event?: string;
  readonly data?: Record<string, unknown>;
}

interface Waiter {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Connects and negotiates. UNAVAILABLE when nobody listens or it is no QMP. */
export async function connectQmp(path: string, signal: AbortSignal): Promise<Qmp> {
  const socket = createConnection({ path });
  const waiters = new Map<number, Waiter>();
  const listeners: ((event: QmpEvent) => void)[] = [];
  const early: QmpEvent[] = [];
  let nextId = 1;
  let isClosed = false;
  const greeting = createDeferred();
  const closed = createDeferred();
  socket.on('close', () => {
    isClosed = true;
    for (const waiter of waiters.values()) {
      waiter.reject(unavailable('QEMU closed its control socket'));
    }
    waiters.clear();
    closed.resolve();
  });
  socket.on('error', () => {});

  function onMessage(message: Message) {
    if (message.QMP !== undefined) {
      return greeting.resolve();
    }
    if (message.event !== undefined) {
      const event = { name: message.event, data: message.data ?? {} };
      if (listeners.length === 0 && early.length < 64) {
        early.push(event);
      }
      for (const listener of listeners) {
        listener(event);
      }
      return;
    }
    const waiter = waiters.get(message.id ?? -1);
    if (waiter === undefined) {
      return;
    }
    waiters.delete(message.id as number);
    if (message.error === undefined) {
      waiter.resolve(message.return);
    } else {
      waiter.reject(unavailable(`QEMU: ${message.error.desc ?? message.error.class ?? 'unknown error'}`));
    }
  }

  void readMessages(socket, onMessage);

  const run: Qmp['run'] = (command, args, runSignal) =>
    new Promise((resolve, reject) => {
      if (isClosed) {
        return reject(unavailable('QEMU closed its control socket'));
      }
      if (runSignal.aborted) {
        return reject(OpenShellError.from(runSignal.reason));
      }
      const id = nextId++;
      function onAbort() {
        waiters.delete(id);
        reject(OpenShellError.from(runSignal.reason));
      }

      function stop() {
        return runSignal.removeEventListener('abort', onAbort);
      }

      runSignal.addEventListener('abort', onAbort, { once: true });
      waiters.set(id, {
        resolve: (value) => {
          stop();
          resolve(value);
        },
        reject: (error) => {
          stop();
          reject(error);
        },
      });
      socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });

  const aborted = createDeferred<never>();
  function onAbort() {
    return aborted.reject(OpenShellError.from(signal.reason));
  }

  if (signal.aborted) {
    onAbort();
  }
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const lost = closed.promise.then(() => {
      throw unavailable(`no QEMU answers at ${path}`);
    });
    lost.catch(() => {});
    await Promise.race([greeting.promise, lost, aborted.promise]);
    await run('qmp_capabilities', {}, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
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

/** What is too long or no JSON ends the connection. */
async function readMessages(socket: Socket, onMessage: (message: Message) => void): Promise<void> {
  try {
    for await (const line of wholeLines(socket, MAX_LINE_BYTES, () => new Error('a line without end'))) {
      if (line.trim() !== '') {
        onMessage(JSON.parse(line) as Message);
      }
    }
  } catch {
    socket.destroy();
  }
}
