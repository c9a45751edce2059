import { stat } from 'node:fs/promises';
import { request } from 'node:http';

/** How long a socket may take to say what it is. */
const PING_TIMEOUT_MS = 1_000;

type PingResult =
  | { readonly kind: 'docker'; readonly version: string }
  | { readonly kind: 'podman' }
  /** `denied`: the socket exists, but this user may not open it. */
  | { readonly kind: 'none'; readonly denied: boolean; readonly reason: string };

function none(reason: string, denied = false): PingResult {
  return { kind: 'none', denied, reason };
}

/** Requests /_ping over a Unix socket and distinguishes Docker from Podman by their headers. Never rejects. */
export async function ping(socketPath: string, signal: AbortSignal): Promise<PingResult> {
  try {
    if (!(await stat(socketPath)).isSocket()) {
      return none('is no socket');
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? none('does not exist')
      : none(`cannot be looked at (${code})`, code === 'EACCES');
  }
  return new Promise((resolve) => {
    const req = request({ socketPath, path: '/_ping', host: 'localhost', agent: false, signal }, (res) => {
      res.resume();
      const { 'libpod-api-version': podman, 'api-version': docker, server } = res.headers;
      if (res.statusCode !== 200) {
        resolve(none(`answers a ping with HTTP ${res.statusCode}`));
      } else if (podman !== undefined) {
        resolve({ kind: 'podman' });
      } else if (docker === undefined) {
        resolve(none('answers, but not as a Docker engine does'));
      } else {
        resolve({ kind: 'docker', version: /^Docker\/(\S+)/.exec(String(server))?.[1] ?? `API ${docker}` });
      }
    });
    req.setTimeout(PING_TIMEOUT_MS, () =>
      req.destroy(new Error(`does not answer a ping within ${PING_TIMEOUT_MS} ms`)),
    );
    req.on('error', (error: NodeJS.ErrnoException) =>
      resolve(none(pingFailure(error), error.code === 'EACCES')),
    );
    req.end();
  });
}

function pingFailure(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'exists, but nothing listens on it';
    case 'EACCES':
      return 'may not be opened by this user';
    case 'ABORT_ERR':
      return 'was not asked to the end: the probe ran out of time';
    default:
      return error.message;
  }
}
