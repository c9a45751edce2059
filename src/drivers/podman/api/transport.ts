import http from 'node:http';
import type { Socket } from 'node:net';
import { Code, OpenShellError, unavailable } from '../../../compute/errors.js';
import { runWithDeadline } from '../../../kit/deadline.js';
import { engineError } from './fault.js';

/** Long enough for a busy engine, short enough that a hung one is noticed. */
const CALL_TIMEOUT_MS = 60_000;
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Without the version prefix, e.g. `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** An object is sent as JSON, a buffer unchanged. */
  readonly body?: object | Buffer;
  readonly signal: AbortSignal;
  /** From the call to the end of its reply; for a stream, to the reply's head. Default 60 s. */
  readonly timeoutMs?: number;
}

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** Speaks HTTP to an engine over its Unix socket. Failures are OpenShellErrors; UNAVAILABLE when nothing answers. */
export interface Transport {
  /** The whole reply; any 2xx or 304 is success. */
  send(call: Call): Promise<Reply>;
  /** The reply as it comes. Aborting the signal breaks it off. */
  stream(call: Call): Promise<http.IncomingMessage>;
  /** Takes over the connection for raw bytes in both directions. `head` came with the answer already. */
  upgrade(call: Call): Promise<{ readonly socket: Socket; readonly head: Buffer }>;
  close(): void;
}

export function createTransport(options: {
  readonly socketPath: string;
  readonly prefix: string;
}): Transport {
  const { socketPath, prefix } = options;
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 16 });

  function failure(error: unknown, call: Call): OpenShellError {
    if (error instanceof OpenShellError) {
      return error;
    }
    if (call.signal.aborted) {
      return OpenShellError.from(call.signal.reason);
    }
    if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) {
      return new OpenShellError(
        Code.DEADLINE_EXCEEDED,
        `Podman did not answer ${call.method} ${call.path} in time`,
        { cause: error },
      );
    }
    const code = (error as NodeJS.ErrnoException).code ?? 'no answer';
    return unavailable(`Podman's service at ${socketPath} does not answer (${code})`, {
      reason: 'EngineUnavailable',
      hint: 'see that it runs: podman system service, or the podman.socket unit',
      cause: error,
    });
  }

  function request(call: Call, signal: AbortSignal, headers: http.OutgoingHttpHeaders) {
    const body =
      call.body === undefined || Buffer.isBuffer(call.body)
        ? call.body
        : Buffer.from(JSON.stringify(call.body));
    const made = http.request({
      socketPath,
      agent: headers.upgrade === undefined ? agent : false,
      method: call.method,
      path: `${prefix}${call.path}${queryString(call.query)}`,
      headers: {
        host: 'podman',
        ...(body && {
          'content-length': body.length,
          'content-type': Buffer.isBuffer(call.body) ? 'application/x-tar' : 'application/json',
        }),
        ...headers,
      },
      signal,
    });
    made.end(body);
    return made;
  }

  /** A connection that the service closed while it lay idle says nothing about the call: reads are sent again. */
  function response(call: Call, signal: AbortSignal, again = true): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const made = request(call, signal, {});
      made.on('response', resolve);
      made.on('error', (error) => {
        const read = call.method === 'GET' || call.method === 'HEAD';
        if (again && read && made.reusedSocket && !signal.aborted) {
          resolve(response(call, signal, false));
        } else {
          reject(error);
        }
      });
    });
  }

  function takeOver(call: Call, signal: AbortSignal): Promise<{ socket: Socket; head: Buffer }> {
    return new Promise((resolve, reject) => {
      const made = request(call, signal, { connection: 'Upgrade', upgrade: 'tcp' });
      made.on('upgrade', (_message, socket, head) => resolve({ socket: socket as Socket, head }));
      made.on('response', (message) => {
        read(message).then((text) => reject(engineError(message.statusCode ?? 0, text)), reject);
      });
      made.on('error', reject);
    });
  }

  async function inTime<T>(call: Call, body: (until: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await runWithDeadline(call.timeoutMs ?? CALL_TIMEOUT_MS, call.signal, body);
    } catch (error) {
      throw failure(error, call);
    }
  }

  async function read(message: http.IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of message as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_REPLY_BYTES) {
        throw new OpenShellError(Code.INTERNAL, 'Podman sent a reply that is too large');
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  return {
    send: (call) =>
      inTime(call, async (until) => {
        const message = await response(call, until);
        const status = message.statusCode ?? 0;
        const text = await read(message);
        if ((status < 200 || status >= 300) && status !== 304) {
          throw engineError(status, text);
        }
        return { status, headers: message.headers, text };
      }),

    stream: (call) =>
      inTime(call, async (until) => {
        // The deadline is for the head alone: a stream may last for days, until its caller ends it.
        const message = await response(call, AbortSignal.any([call.signal, until]));
        const status = message.statusCode ?? 0;
        if (status !== 200) {
          throw engineError(status, await read(message));
        }
        return message;
      }),

    // Whoever holds the raw connection from here on decides its end.
    upgrade: (call) => inTime(call, (until) => takeOver(call, until)),

    close: () => agent.destroy(),
  };
}

function queryString(query: Call['query']): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined) {
      parameters.set(key, String(value));
    }
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}
