import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { Code, OpenShellError, unavailable } from '../../compute/errors.js';
import { ExecRefused } from '../../compute/exec-refusal.js';
import { runWithDeadline } from '../../kit/deadline.js';
import { ociRefusal } from '../container-exec/oci-refusal.js';
import type { Place } from './names.js';
import type { Status } from './objects.js';
import { type Query, type Rest, url } from './rest.js';
import type { ServerState } from './server-state.js';

/** Numbers of the streams that share an exec's connection. */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const;

/** The connection broke: the command may still run. */
export const EXEC_LOST = 'ExecLost';

/** v5 can close stdin alone; older servers speak v4. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const PING_EVERY_MS = 25_000;
/** Servers send what a command prints in pieces of 32 KiB. */
const LONGEST_MESSAGE_BYTES = 1024 * 1024;
/** Of a server's words, why it refused or how a command ended, that are kept. */
const LONGEST_WORDS_BYTES = 64 * 1024;

export interface ExecSocket {
  /** False on servers before Kubernetes 1.30. */
  readonly canCloseStdin: boolean;
  send(channel: number, data: Uint8Array, done?: (error?: Error | null) => void): void;
  pause(): void;
  resume(): void;
  close(): void;
}

interface ExecSocketHandlers {
  data(channel: number, data: Uint8Array): void;
  /** Once, at the end. `status` undefined: the connection ended without one. */
  closed(status: Status | undefined): void;
}

interface OpenExec {
  readonly rest: Rest;
  readonly place: Place;
  readonly query: Query;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly handlers: ExecSocketHandlers;
}

/** Opens the connection, within `timeoutMs`. Throws what the API server says when it refuses. */
export function openExec({ timeoutMs, signal, ...options }: OpenExec): Promise<ExecSocket> {
  return runWithDeadline(timeoutMs, signal, async (until) => {
    const { rest, place, query, handlers } = options;
    const target = url(rest.server, `/api/v1/namespaces/${place.namespace}/pods/${place.name}/exec`, query);
    target.protocol = target.protocol === 'http:' ? 'ws:' : 'wss:';
    const { agent, headers } = await rest.access();
    until.throwIfAborted();
    const socket = new WebSocket(target, PROTOCOLS, {
      agent,
      headers: { ...headers, 'User-Agent': 'openshell-gateway' },
      perMessageDeflate: false,
      maxPayload: LONGEST_MESSAGE_BYTES,
    });
    function abort() {
      return socket.terminate();
    }

    until.addEventListener('abort', abort, { once: true });
    try {
      const what = `exec in pod '${place.name}' in '${place.namespace}'`;
      return await opened(socket, rest, what, handlers);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      until.removeEventListener('abort', abort);
    }
  });
}

function opened(
  socket: WebSocket,
  serverState: ServerState,
  what: string,
  handlers: ExecSocketHandlers,
): Promise<ExecSocket> {
  return new Promise((resolve, reject) => {
    // At once: the first messages may have come with the answer to the handshake.
    socket.once('open', () => resolve(attach(socket, handlers)));
    socket.once('error', (error) => reject(serverState.lost(error)));
    socket.once('unexpected-response', (_request, response) => {
      wordsOf(response)
        .then((words) => reject(serverState.refused(response.statusCode ?? 0, words, what)))
        .catch((error) => reject(serverState.lost(error)))
        .finally(() => socket.terminate());
    });
  });
}

async function wordsOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > LONGEST_WORDS_BYTES) {
      break;
    }
  }
  return Buffer.concat(chunks).toString('utf8', 0, LONGEST_WORDS_BYTES);
}

function attach(socket: WebSocket, handlers: ExecSocketHandlers): ExecSocket {
  let status: Status | undefined;
  let alive = true;
  const pings = setInterval(() => {
    // A connection that is held back reads no pong either.
    if (!alive && !socket.isPaused) {
      return socket.terminate();
    }
    alive = socket.isPaused;
    socket.ping();
  }, PING_EVERY_MS);
  pings.unref();

  function heard() {
    alive = true;
  }

  socket.on('pong', heard);
  socket.on('message', (message: Buffer) => {
    heard();
    const channel = message[0];
    if (channel === undefined || channel === CHANNEL.close) {
      return;
    }
    const data = message.subarray(1);
    if (channel === CHANNEL.status) {
      status = parse(data.subarray(0, LONGEST_WORDS_BYTES));
    } else if (data.length > 0) {
      handlers.data(channel, data);
    }
  });
  // An error is always followed by the close, which carries what is known.
  socket.on('error', () => {});
  socket.once('close', () => {
    clearInterval(pings);
    handlers.closed(status);
  });

  return {
    canCloseStdin: socket.protocol === PROTOCOLS[0],
    send(channel, data, done) {
      const frame = Buffer.allocUnsafe(data.length + 1);
      frame[0] = channel;
      frame.set(data, 1);
      socket.send(frame, (error) => done?.(error ?? null));
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close() {
      socket.resume();
      socket.terminate();
    },
  };
}

function parse(data: Buffer): Status {
  try {
    return JSON.parse(data.toString('utf8')) as Status;
  } catch {
    return { status: 'Failure', message: data.toString('utf8') };
  }
}

/** The exit code that an exec's last frame tells, or why there is none: ExecRefused when the program did not start. */
export function exitCodeOf(status: Status | undefined): number | OpenShellError {
  if (status === undefined) {
    return unavailable('the cluster lost the command before it told its exit code', { reason: EXEC_LOST });
  }
  if (status.status === 'Success') {
    return 0;
  }
  const cause = status.details?.causes?.find((one) => one.reason === 'ExitCode');
  const code = Number(cause?.message);
  if (cause !== undefined && Number.isInteger(code)) {
    return code;
  }
  const said = status.message ?? 'no details';
  const refusal = ociRefusal(said);
  if (refusal !== undefined) {
    return new ExecRefused(refusal, `the command could not be run: ${refusal}`);
  }
  // Everything else that the runtime did not say itself lies between API server and node.
  return status.reason === 'InternalError' && !said.includes('error executing command in container')
    ? unavailable(`the sandbox's node does not take commands: ${said}`, { reason: 'NodeUnreachable' })
    : new OpenShellError(Code.INTERNAL, `the command could not be run: ${said}`, { reason: 'ExecFailed' });
}
