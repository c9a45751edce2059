import { WebSocket } from 'ws';
import { Code, OpenShellError, unavailable } from '../../compute/errors.js';
import { ExecRefused } from '../../compute/exec-refusal.js';
import { runWithDeadline } from '../../kit/deadline.js';
import { ociRefusal } from '../container-exec/oci-refusal.js';
import type { ServerState } from './api-errors.js';
import type { Place } from './names.js';
import type { Status } from './objects.js';
import { LONGEST_REFUSAL_BYTES, type Query, type Rest, readText, url } from './rest.js';

/** Numbers of the streams that share an exec's connection. */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const;

/** The connection broke: the command may still run. */
export const EXEC_LOST = 'ExecLost';

/** v5 can close stdin alone; older servers speak v4. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const PING_EVERY_MS = 25_000;
/** Servers send a command's output in pieces of 32 KiB. */
const LONGEST_MESSAGE_BYTES = 1024 * 1024;

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
  /** Called once. `status` undefined: the connection ended without one. */
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

/** Opens the connection within `timeoutMs`. Throws the API server's refusal. */
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
    // In this very event: the first messages may have come with the handshake.
    socket.once('open', () => resolve(attach(socket, handlers)));
    socket.once('error', (error) => reject(serverState.lost(error)));
    socket.once('unexpected-response', (_request, response) => {
      readText(response, LONGEST_REFUSAL_BYTES)
        .then((body) => reject(serverState.refused(response.statusCode ?? 0, body ?? '', what)))
        .catch((error) => reject(serverState.lost(error)))
        .finally(() => socket.terminate());
    });
  });
}

function attach(socket: WebSocket, handlers: ExecSocketHandlers): ExecSocket {
  let status: Status | undefined;
  let alive = true;
  const pings = setInterval(() => {
    // A paused connection reads no pongs.
    if (!alive && !socket.isPaused) {
      return socket.terminate();
    }
    alive = socket.isPaused;
    socket.ping();
  }, PING_EVERY_MS);
  pings.unref();

  socket.on('pong', () => {
    alive = true;
  });
  socket.on('message', (message: Buffer) => {
    alive = true;
    const channel = message[0];
    if (channel === undefined || channel === CHANNEL.close) {
      return;
    }
    const data = message.subarray(1);
    if (channel === CHANNEL.status) {
      status = parse(data.subarray(0, LONGEST_REFUSAL_BYTES));
    } else if (data.length > 0) {
      handlers.data(channel, data);
    }
  });
  // An error is always followed by 'close'.
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

/** The exit code in an exec's last frame, or why there is none: ExecRefused when the program did not start. */
export function exitCodeOf(status: Status | undefined): number | OpenShellError {
  if (status === undefined) {
    return unavailable('the cluster lost the command before it reported an exit code', { reason: EXEC_LOST });
  }
  if (status.status === 'Success') {
    return 0;
  }
  const cause = status.details?.causes?.find((one) => one.reason === 'ExitCode');
  const code = Number(cause?.message);
  if (cause !== undefined && Number.isInteger(code)) {
    return code;
  }
  const details = status.message ?? 'no details';
  const refusal = ociRefusal(details);
  if (refusal !== undefined) {
    return new ExecRefused(refusal, `the command could not be run: ${refusal}`);
  }
  // Errors that do not come from the container runtime come from the way between API server and node.
  return status.reason === 'InternalError' && !details.includes('error executing command in container')
    ? unavailable(`the sandbox's node does not accept commands: ${details}`, { reason: 'NodeUnreachable' })
    : new OpenShellError(Code.INTERNAL, `the command could not be run: ${details}`, { reason: 'ExecFailed' });
}
