import http from 'node:http';
import { join } from 'node:path';

export type PodmanKind = 'rootful' | 'rootless';

/** Where test/engines/podman/up puts the socket of its service. */
export function podmanSocket(kind: PodmanKind): string {
  return join(process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test', 'podman', kind, 'podman.sock');
}

export interface PodmanReply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the tests read whatever the engine says
  readonly body: any;
}

/** A bare call to Podman, without the driver: `path` as after /libpod. Rejects when nobody answers. */
export function podmanApi(socketPath: string, method: string, path: string, body?: object) {
  return new Promise<PodmanReply>((resolve, reject) => {
    const request = http.request(
      {
        socketPath,
        method,
        path: `/v4.3.0/libpod${path}`,
        headers: { host: 'podman', ...(body && { 'content-type': 'application/json' }) },
        agent: false,
        timeout: 60_000,
      },
      async (reply) => {
        let text = '';
        for await (const chunk of reply) {
          text += chunk;
        }
        resolve({ status: reply.statusCode ?? 0, body: text === '' ? undefined : parse(text) });
      },
    );
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path}`)));
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
