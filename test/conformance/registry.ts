import { execFileSync } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Registry {
  /** Host and port. */
  readonly address: string;
  /** Another content under the same tag. */
  publish(text: string): void;
  /** How often a manifest was asked for by tag. */
  readonly asked: () => number;
  close(): Promise<void>;
}

const digestOf = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/**
 * A registry on loopback that serves one image, `openshell/pulled:1`: `base` (a layer, uncompressed) with a variable
 * PUBLISHED of its own. Port 0: any.
 */
export const startRegistry = async (base: Buffer, port = 0): Promise<Registry> => {
  const blobs = new Map<string, Buffer>();
  let manifest: Buffer = Buffer.alloc(0);
  let asked = 0;
  const put = (data: Buffer) => {
    const digest = digestOf(data);
    blobs.set(digest, data);
    return { digest, size: data.length };
  };
  const publish = (text: string) => {
    const layer = put(base);
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
    manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
        layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
      }),
    );
    blobs.set(digestOf(manifest), manifest);
  };
  const server = http.createServer((request, reply) => {
    const [, kind, reference = ''] = /\/(manifests|blobs)\/([^/?]+)$/.exec(request.url ?? '') ?? [];
    if (kind === 'manifests' && reference === '1') asked += 1;
    const data = kind === 'manifests' && reference === '1' ? manifest : blobs.get(reference);
    if (request.url === '/v2/') return reply.end('{}');
    if (data === undefined) return reply.writeHead(404).end('{}');
    const type =
      kind === 'manifests' ? 'application/vnd.oci.image.manifest.v1+json' : 'application/octet-stream';
    reply.writeHead(200, {
      'content-type': type,
      'content-length': data.length,
      'docker-content-digest': digestOf(data),
    });
    return reply.end(request.method === 'HEAD' ? undefined : data);
  });
  publish('first');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    publish,
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};

/** A layer with a static busybox in it, from this machine; another one each time, so that no engine has it already. */
export const busyboxLayer = (): Buffer => {
  const busybox = execFileSync('sh', ['-c', 'command -v busybox']).toString().trim();
  const made = `--mtime=@${randomInt(2 ** 31)}`;
  return execFileSync(
    'tar',
    ['-C', '/', made, '--transform', 's,.*,bin/busybox,', '-cf', '-', busybox.slice(1)],
    {
      maxBuffer: 64 * 1024 * 1024,
    },
  );
};
