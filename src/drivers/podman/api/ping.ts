import http from 'node:http';

/** What a socket answered to a ping. */
export type PingOutcome =
  | { readonly kind: 'podman'; readonly version: string }
  | { readonly kind: 'other'; readonly detail: string }
  | { readonly kind: 'absent' | 'refused' | 'denied' | 'silent' };

const OUTCOME_OF: Readonly<Record<string, 'absent' | 'refused' | 'denied'>> = {
  ENOENT: 'absent',
  ENOTDIR: 'absent',
  ECONNREFUSED: 'refused',
  ENOTSOCK: 'refused',
  EACCES: 'denied',
  EPERM: 'denied',
};

/** Asks who listens on a Unix socket; only Podman sends its header. Never rejects. */
export function ping(socketPath: string, signal: AbortSignal): Promise<PingOutcome> {
  return new Promise((resolve) => {
    const request = http.get({
      socketPath,
      path: '/_ping',
      agent: false,
      signal,
      headers: { host: 'podman' },
    });
    request.on('response', (reply) => {
      reply.resume();
      const version = reply.headers['libpod-api-version'];
      if (reply.statusCode === 200 && typeof version === 'string') {
        resolve({ kind: 'podman', version });
      } else {
        resolve({ kind: 'other', detail: `status ${reply.statusCode}` });
      }
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const known = OUTCOME_OF[error.code ?? ''];
      if (known !== undefined) {
        resolve({ kind: known });
      } else if (error.code?.startsWith('HPE_')) {
        resolve({ kind: 'other', detail: 'not HTTP' });
      } else {
        resolve({ kind: 'silent' });
      }
    });
  });
}
