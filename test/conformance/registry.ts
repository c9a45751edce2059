import { execFileSync } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KeyPair } from '../support/certificates.js';

export interface Registry {
  /** Host and port. */
  readonly address: string;
  /** Of the manifest and of the one layer, as they are published now. */
  readonly digests: () => { readonly manifest: string; readonly layer: string };
  /** Adds what a manifest may name; gives its digest and size. */
  put(data: Buffer): { readonly digest: string; readonly size: number };
  /** Another manifest under the tag. */
  publishManifest(manifest: unknown): string;
  /** Another content under the same tag. */
  publish(text: string): void;
  /** How often a manifest was asked for by tag. */
  readonly asked: () => number;
  close(): Promise<void>;
}

export interface RegistryOptions {
  /** Whoever has no token, which is got with this user and password, is turned away. */
  readonly login?: { readonly username: string; readonly password: string };
  /** Speaks HTTPS with these, PEM. */
  readonly tls?: KeyPair;
  /** Sees each request first; true: it has answered. */
  readonly intercept?: (request: IncomingMessage, reply: ServerResponse) => boolean;
}

const TOKEN = 'a-token-of-the-test-registry';

function digestOf(data: Buffer) {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/**
 * A registry on loopback that serves one image, `openshell/pulled:1`: `base` (a layer, uncompressed) with a variable
 * PUBLISHED of its own. Port 0: any.
 */
export async function startRegistry(
  base: Buffer,
  port = 0,
  options: RegistryOptions = {},
): Promise<Registry> {
  const blobs = new Map<string, Buffer>();
  let manifest: Buffer = Buffer.alloc(0);
  let asked = 0;
  const put = (data: Buffer) => {
    const digest = digestOf(data);
    blobs.set(digest, data);
    return { digest, size: data.length };
  };
  const layer = put(base);
  const publishManifest = (content: unknown): string => {
    manifest = Buffer.from(JSON.stringify(content));
    return put(manifest).digest;
  };
  const publish = (text: string) => {
    const config = put(
      Buffer.from(
        JSON.stringify({
          architecture: process.arch === 'x64' ? 'amd64' : process.arch,
          os: 'linux',
          config: { Env: [`PUBLISHED=${text}`], Cmd: ['/bin/sh'] },
          rootfs: { type: 'layers', diff_ids: [layer.digest] },
        }),
      ),
    );
    publishManifest({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
    });
  };
  /** True when the request was answered with a token, or turned away for want of one. */
  const guarded = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (options.login === undefined) {
      return false;
    }
    const { username, password } = options.login;
    if (request.url?.startsWith('/token')) {
      const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
      if (request.headers.authorization === basic) {
        reply.end(JSON.stringify({ token: TOKEN }));
      } else {
        reply.writeHead(401).end('{}');
      }
      return true;
    }
    if (request.headers.authorization === `Bearer ${TOKEN}`) {
      return false;
    }
    const realm = `Bearer realm="http://${request.headers.host}/token",service="test",scope="repository:any:pull"`;
    reply.writeHead(401, { 'www-authenticate': realm }).end('{}');
    return true;
  };
  const answer = (request: IncomingMessage, reply: ServerResponse) => {
    if (options.intercept?.(request, reply) || guarded(request, reply)) {
      return;
    }
    const [, kind, reference = ''] = /\/(manifests|blobs)\/([^/?]+)$/.exec(request.url ?? '') ?? [];
    if (kind === 'manifests' && reference === '1') {
      asked += 1;
    }
    const data = kind === 'manifests' && reference === '1' ? manifest : blobs.get(reference);
    if (request.url === '/v2/') {
      return reply.end('{}');
    }
    if (data === undefined) {
      return reply.writeHead(404).end('{}');
    }
    const type =
      kind === 'manifests' ? 'application/vnd.oci.image.manifest.v1+json' : 'application/octet-stream';
    reply.writeHead(200, {
      'content-type': type,
      'content-length': data.length,
      'docker-content-digest': digestOf(data),
    });
    return reply.end(request.method === 'HEAD' ? undefined : data);
  };
  const server =
    options.tls === undefined ? http.createServer(answer) : https.createServer(options.tls, answer);
  publish('first');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    digests: () => ({ manifest: digestOf(manifest), layer: layer.digest }),
    put,
    publishManifest,
    publish,
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** A layer with a static busybox in it, from this machine; another one each time, so that no engine has it already. */
export function busyboxLayer(): Buffer {
  const busybox = execFileSync('sh', ['-c', 'command -v busybox']).toString().trim();
  const made = `--mtime=@${randomInt(2 ** 31)}`;
  return execFileSync(
    'tar',
    ['-C', '/', made, '--transform', 's,.*,bin/busybox,', '-cf', '-', busybox.slice(1)],
    {
      maxBuffer: 64 * 1024 * 1024,
    },
  );
}
