import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { parseChallenge } from '../../dist/drivers/vm/process/images/registry/challenge.js';
import { parseReference } from '../../dist/drivers/vm/process/images/registry/reference.js';
import { createRegistry } from '../../dist/drivers/vm/process/images/registry/registry.js';
import { type Registry, type RegistryOptions, startRegistry } from '../conformance/registry.js';
import { createCertificates, withoutOpenssl } from '../support/certificates.js';
import { tempFolder } from '../support/folder.js';
import { writeTar } from './tar-writer.js';

const signal = AbortSignal.timeout(120_000);
const LAYER = writeTar([{ path: 'etc/hello', content: 'hello '.repeat(20_000) }]);
const LOGIN = { username: 'someone', password: 'secret: with a colon' };
const OCI = 'application/vnd.oci.image';

interface Bench {
  readonly registry: Registry;
  readonly folder: string;
  /** Pulls `openshell/pulled:1`, or what is named; gives the environment and the layers' bytes. */
  pull(
    options?: PullOptions,
  ): Promise<{ digest: string; published: string; layers: Buffer[]; told: string[] }>;
}

interface PullOptions {
  readonly name?: string;
  readonly settings?: Partial<Parameters<typeof createRegistry>[0]>;
  readonly signal?: AbortSignal;
}

async function withRegistry(options: RegistryOptions, body: (bench: Bench) => Promise<void>) {
  const registry = await startRegistry(LAYER, 0, options);
  const { path: folder, remove } = tempFolder();
  const pull: Bench['pull'] = async ({
    name = 'openshell/pulled:1',
    settings,
    signal: own = signal,
  } = {}) => {
    const client = createRegistry({
      insecure: ['127.0.0.1'],
      local: ['127.0.0.1'],
      authFile: '',
      maxBytes: 16 * 1024 * 1024,
      pauseMs: 1,
      ...settings,
    });
    const told: string[] = [];
    const work = tempFolder(folder).path;
    const image = await client.resolve(`${registry.address}/${name}`, own);
    const { config, layers } = await image.pull(work, (line) => told.push(line), own);
    return {
      digest: image.digest,
      published: config.environment.PUBLISHED ?? '',
      layers: await Promise.all(layers.map((path) => readFile(path))),
      told,
    };
  };
  try {
    await body({ registry, folder, pull });
  } finally {
    await registry.close();
    remove();
  }
}

/** Answers the first `times` requests for a blob or manifest by itself. */
function first(times: number, answer: (request: IncomingMessage, reply: ServerResponse) => void) {
  let left = times;
  return (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (left-- <= 0) {
      return false;
    }
    answer(request, reply);
    return true;
  };
}

function isBlob(request: IncomingMessage): boolean {
  return request.url?.includes('/blobs/') === true;
}

function refused(pull: Promise<unknown>, message: RegExp) {
  return assert.rejects(pull, (error: unknown) => {
    assert.ok(error instanceof OpenShellError);
    assert.equal(error.reason, 'ImagePullFailed');
    assert.equal(error.code, Code.FAILED_PRECONDITION);
    assert.ok(error.hint);
    assert.match(error.message, message);
    return true;
  });
}

test('names mean what they mean to docker pull', () => {
  const of = (name: string) => parseReference(name);
  assert.deepEqual(
    [of('alpine').text, of('alpine').host],
    ['docker.io/library/alpine:latest', 'registry-1.docker.io'],
  );
  assert.equal(of('someone/thing:1.2').text, 'docker.io/someone/thing:1.2');
  assert.equal(of('index.docker.io/alpine:3').text, 'docker.io/library/alpine:3');
  assert.equal(of('localhost/a').host, 'localhost');
  assert.equal(of('localhost:5000/a/b:x').text, 'localhost:5000/a/b:x');
  assert.equal(of('[::1]:5000/a').host, '[::1]:5000');
  assert.equal(of('ghcr.io/a/b').version, 'latest');
  const digest = `sha256:${'0'.repeat(64)}`;
  assert.deepEqual([of(`ghcr.io/a:1@${digest}`).version, of(`ghcr.io/a@${digest}`).pinned], [digest, true]);
  const wrong = [
    '',
    'A',
    'a/../b',
    'a:',
    'a@sha256:12',
    '-h.io/a',
    'a b',
    'h.io:port/a',
    'x@@',
    'http://a/b',
    'a/b?c',
  ];
  for (const name of wrong) {
    assert.throws(() => of(name), { code: Code.INVALID_ARGUMENT }, name);
  }
});

test('any text at all is a name or refused, and no name leads out of its repository', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      try {
        const { host, repository, version } = parseReference(text);
        const url = new URL(`https://${host}/v2/${repository}/manifests/${version}`);
        assert.equal(url.pathname, `/v2/${repository}/manifests/${version}`);
      } catch (error) {
        assert.ok(error instanceof OpenShellError);
      }
    }),
  );
});

test('challenges are read, whatever stands in them', () => {
  const header = 'Basic realm="x", Bearer realm="https://a/t",service=s , scope="repository:a:pull,push"';
  assert.deepEqual(parseChallenge(header), {
    scheme: 'bearer',
    realm: 'https://a/t',
    service: 's',
    scope: 'repository:a:pull,push',
  });
  assert.deepEqual(parseChallenge('BASIC realm=x'), { scheme: 'basic' });
  assert.equal(parseChallenge('Negotiate abc'), undefined);
  fc.assert(fc.property(fc.string(), (text) => void parseChallenge(`Bearer ${text}`)));
});

test('an image comes with its configuration, its layers and progress', () =>
  withRegistry({}, async ({ pull, registry }) => {
    const image = await pull();
    assert.equal(image.published, 'first');
    assert.deepEqual(image.layers, [LAYER]);
    assert.equal(image.digest, registry.digests().manifest);
    assert.match(image.told.at(-1) ?? '', /^1 of 1 layers/);
    registry.publish('second');
    const pinned = await pull({ name: `openshell/pulled@${image.digest}` });
    assert.equal(pinned.published, 'first', 'a digest is not what the tag became');
  }));

test('an index gives the image for this machine; Docker’s own forms are read too', () =>
  withRegistry({}, async ({ pull, registry }) => {
    const ours = registry.digests();
    const packed = registry.put(zlib.gzipSync(LAYER));
    const config = registry.put(Buffer.from('{"config":{"Env":["PUBLISHED=docker"]}}'));
    const docker = registry.publishManifest({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...config },
      layers: Array.from({ length: 2 }, () => ({
        mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
        ...packed,
      })),
    });
    registry.publishManifest({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
      manifests: [
        { digest: ours.manifest, size: 1, platform: { os: 'linux', architecture: 'mips' } },
        {
          digest: docker,
          size: 1,
          platform: { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch },
        },
      ],
    });
    const image = await pull();
    assert.deepEqual([image.published, image.digest, image.layers.length], ['docker', docker, 2]);
    registry.publishManifest({
      manifests: [
        { digest: docker, size: 1, platform: { os: 'linux', architecture: 'mips' } },
        { digest: docker, size: 1 },
      ],
    });
    await refused(pull(), /nothing for linux/);
  }));

test('a token is got with the password of the auth file', () =>
  withRegistry({ login: LOGIN }, async ({ pull, folder, registry }) => {
    await refused(pull(), /denies access .*\(401\)/);
    const authFile = join(folder, 'auth.json');
    const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64');
    await writeFile(authFile, JSON.stringify({ auths: { [`http://${registry.address}/v2/`]: { auth } } }));
    assert.equal((await pull({ settings: { authFile } })).published, 'first');
    await writeFile(
      authFile,
      JSON.stringify({ auths: { [registry.address]: { username: 'x', password: 'y' } } }),
    );
    await refused(pull({ settings: { authFile } }), /denies access to a token/);
    await refused(
      pull({ settings: { authFile: join(folder, 'none') } }),
      /registry_auth_file cannot be read/,
    );
  }));

test('a plain password is sent where the registry asks for one', () => {
  const expected = `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')}`;
  const intercept = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (request.headers.authorization === expected) {
      return false;
    }
    reply.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
    return true;
  };
  return withRegistry({ intercept }, async ({ pull, folder, registry }) => {
    const authFile = join(folder, 'auth.json');
    await writeFile(authFile, JSON.stringify({ auths: { [registry.address]: LOGIN } }));
    assert.equal((await pull({ settings: { authFile } })).published, 'first');
  });
});

test('a registry that is never content with a token is asked for one once', async () => {
  let tokens = 0;
  const intercept = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (request.url?.startsWith('/token')) {
      tokens++;
      reply.end(JSON.stringify({ access_token: `t${tokens}` }));
    } else {
      reply
        .writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` })
        .end();
    }
    return true;
  };
  await withRegistry({ intercept }, async ({ pull }) => {
    await refused(pull(), /denies access .*\(401\)/);
    assert.equal(tokens, 1);
  });
});

test('tokens that cannot be one, and places that are none', async () => {
  const answers = [
    '',
    'no json',
    '{}',
    '{"token":7}',
    '{"token":"a\\r\\nx: y"}',
    `{"token":"${'x'.repeat(300_000)}"}`,
  ];
  for (const answer of answers) {
    const intercept = (request: IncomingMessage, reply: ServerResponse): boolean => {
      if (request.url?.startsWith('/token')) {
        reply.end(answer);
      } else {
        reply
          .writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` })
          .end();
      }
      return true;
    };
    await withRegistry({ intercept }, ({ pull }) => refused(pull(), /no token|longer than/));
  }
  for (const realm of ['file:///etc/passwd', 'http://192.0.2.1/token', 'nothing', '']) {
    const intercept = (_: IncomingMessage, reply: ServerResponse): boolean => {
      reply.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
      return true;
    };
    await withRegistry({ intercept }, ({ pull }) => refused(pull(), /without TLS|no usable token server/));
  }
});

test('a redirect to another host is followed without the Authorization header, and never told the password', async () => {
  const seen: (string | undefined)[] = [];
  let turnAway = false;
  const store = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (!isBlob(request)) {
      return false;
    }
    seen.push(request.headers.authorization);
    if (!turnAway) {
      return false;
    }
    reply.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end();
    return true;
  };
  await withRegistry({ intercept: store }, async ({ registry: blobs }) => {
    const intercept = (request: IncomingMessage, reply: ServerResponse): boolean => {
      if (!isBlob(request) || request.headers.authorization === undefined) {
        return false;
      }
      reply.writeHead(307, { location: `http://${blobs.address}${request.url}` }).end();
      return true;
    };
    await withRegistry({ login: LOGIN, intercept }, async ({ pull, folder, registry }) => {
      const authFile = join(folder, 'auth.json');
      await writeFile(authFile, JSON.stringify({ auths: { [registry.address]: LOGIN } }));
      blobs.publish('first');
      assert.equal((await pull({ settings: { authFile } })).published, 'first');
      assert.deepEqual(seen, [undefined, undefined]);
      turnAway = true;
      await refused(pull({ settings: { authFile } }), /denies access/);
    });
  });
});

test('redirects that go in a circle, nowhere, or off the network are not followed', async () => {
  const places = ['/v2/openshell/pulled/manifests/1', 'http://', 'file:///etc/passwd', 'http://192.0.2.1/'];
  for (const location of places) {
    const intercept = (_: IncomingMessage, reply: ServerResponse): boolean => {
      reply.writeHead(302, { location }).end();
      return true;
    };
    await withRegistry({ intercept }, ({ pull }) => refused(pull(), /too often|an invalid URL|without TLS/));
  }
});

test('bytes that are not those of the digest are refused', async () => {
  const other = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (!request.url?.endsWith(layerDigest)) {
      return false;
    }
    reply.end(Buffer.alloc(LAYER.length, 'x'));
    return true;
  };
  let layerDigest = 'none';
  await withRegistry({ intercept: other }, async ({ pull, registry, folder }) => {
    layerDigest = registry.digests().layer;
    await refused(pull(), /has another digest/);
    await refused(pull({ name: `openshell/pulled@sha256:${'0'.repeat(64)}` }), /has no/);
    const [work] = readdirSync(folder);
    assert.ok(work, 'the folder is the caller’s to remove');
  });
  const claims = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (isBlob(request)) {
      return false;
    }
    reply.writeHead(200, { 'docker-content-digest': `sha256:${'1'.repeat(64)}` }).end('{}');
    return true;
  };
  await withRegistry({ intercept: claims }, ({ pull }) => refused(pull(), /has another digest/));
});

test('a body without an end is cut off at the size that the manifest says', async () => {
  let sent = 0;
  const endless = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (!isBlob(request)) {
      return false;
    }
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => {
      sent += chunk.length;
      if (!reply.destroyed) {
        reply.write(chunk, () => setImmediate(more));
      }
    };
    more();
    return true;
  };
  await withRegistry({ intercept: endless }, async ({ pull }) => {
    await refused(pull(), /is longer than its \d+ bytes/);
    assert.ok(sent < 8 * 1024 * 1024, `${sent} bytes were sent`);
  });
  const manifest = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (isBlob(request)) {
      return false;
    }
    reply.end(Buffer.alloc(5 * 1024 * 1024, ' '));
    return true;
  };
  await withRegistry({ intercept: manifest }, ({ pull }) => refused(pull(), /longer than \d+ bytes/));
});

test('manifests that claim too much, or are garbage, are refused before anything is downloaded', () => {
  let blobs = 0;
  const intercept = (request: IncomingMessage): boolean => {
    if (isBlob(request)) {
      blobs++;
    }
    return false;
  };
  return withRegistry({ intercept }, async ({ pull, registry }) => {
    const digest = `sha256:${'2'.repeat(64)}`;
    const config = { mediaType: `${OCI}.config.v1+json`, digest, size: 10 };
    const layer = { mediaType: `${OCI}.layer.v1.tar`, digest, size: 10 };
    const garbage: [unknown, RegExp][] = [
      [null, /not a JSON object/],
      [[], /not a JSON object/],
      ['text', /not a JSON object/],
      [{}, /lists no layers/],
      [{ schemaVersion: 1, fsLayers: [] }, /schema version 1/],
      [{ config, layers: [{ ...layer, size: 2 ** 40 }] }, /more than the allowed/],
      [{ config, layers: [{ ...layer, size: -1 }] }, /has no size/],
      [{ config, layers: [{ ...layer, size: 1e300 }] }, /has no size/],
      [{ config, layers: [{ ...layer, digest: 'sha256:../../etc' }] }, /has no digest/],
      [{ config, layers: [null] }, /has no digest/],
      [{ config, layers: [{ ...layer, mediaType: 'application/wasm' }] }, /unknown media type/],
      [
        { config: { ...config, mediaType: 'application/vnd.cncf.helm.config.v1+json' }, layers: [] },
        /unknown media type/,
      ],
      [{ config: { ...config, size: 2 ** 30 }, layers: [layer] }, /too large/],
      [{ config, layers: Array.from({ length: 513 }, () => layer) }, /more than 512/],
      [{ config, layers: [layer], manifests: [] }, /both an index/],
      [{ manifests: {} }, /lists no images/],
      [{ manifests: [] }, /nothing for/],
      [{ manifests: [null, 7, { digest: 1 }] }, /nothing for/],
    ];
    for (const [manifest, message] of garbage) {
      registry.publishManifest(manifest);
      await refused(pull(), message);
    }
    // An index cannot hold its own digest, but a chain of them can be long.
    let last = registry.digests().manifest;
    for (let depth = 0; depth < 6; depth++) {
      last = registry.publishManifest({ manifests: [{ digest: last, size: 1 }] });
    }
    await refused(pull(), /nested too deeply/);
    assert.equal(blobs, 0);
  });
});

test('layers of zstd are read where Node.js can, and else refused before they are downloaded', () => {
  const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Buffer) => Buffer };
  return withRegistry({}, async ({ pull, registry }) => {
    const packed = zstdCompressSync?.(LAYER) ?? LAYER;
    const config = { mediaType: `${OCI}.config.v1+json`, ...registry.put(Buffer.from('{}')) };
    const layer = { mediaType: `${OCI}.layer.v1.tar+zstd`, ...registry.put(packed) };
    registry.publishManifest({ config, layers: [layer] });
    if (zstdCompressSync === undefined) {
      await refused(pull(), /zstd, which this Node.js cannot read/);
    } else {
      assert.deepEqual((await pull()).layers, [packed]);
    }
  });
});

test('any JSON at all as a manifest is refused as one', () =>
  withRegistry({}, async ({ pull, registry }) => {
    const word = fc.constantFrom('manifests', 'layers', 'config', 'digest', 'size', 'mediaType', 'platform');
    const digest = fc.constant(registry.digests().layer);
    const value = fc.letrec((tie) => ({
      any: fc.oneof(digest, fc.jsonValue(), fc.array(tie('any')), fc.dictionary(word, tie('any'))),
    })).any;
    await fc.assert(
      fc.asyncProperty(fc.dictionary(word, value), async (manifest) => {
        registry.publishManifest(manifest);
        await assert.rejects(pull(), { name: 'OpenShellError', reason: 'ImagePullFailed' });
      }),
    );
  }));

test('an image for another machine is refused', () =>
  withRegistry({}, async ({ pull, registry }) => {
    const config = registry.put(Buffer.from('{"os":"linux","architecture":"s390x"}'));
    registry.publishManifest({ config: { mediaType: `${OCI}.config.v1+json`, ...config }, layers: [] });
    await refused(pull(), /for linux\/s390x/);
  }));

test('failures that pass are outlasted, also in the middle of a layer, which is not begun anew', async () => {
  let requests = 0;
  const ranges: (string | undefined)[] = [];
  const breaksOff = (request: IncomingMessage, reply: ServerResponse): boolean => {
    requests++;
    if (requests === 1) {
      reply.writeHead(503, { 'retry-after': '0' }).end();
    } else if (requests === 2) {
      request.socket.destroy();
    } else if (request.url?.endsWith(layerDigest)) {
      ranges.push(request.headers.range);
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const to = ranges.length < 3 ? from + 30_000 : LAYER.length;
      if (from > 0) {
        reply.setHeader('content-range', `bytes ${from}-${LAYER.length - 1}/${LAYER.length}`);
      }
      reply.writeHead(from > 0 ? 206 : 200, { 'content-length': LAYER.length - from });
      reply.write(LAYER.subarray(from, to), () =>
        to === LAYER.length ? reply.end() : request.socket.destroySoon(),
      );
    } else {
      return false;
    }
    return true;
  };
  let layerDigest = 'none';
  await withRegistry({ intercept: breaksOff }, async ({ pull, registry }) => {
    layerDigest = registry.digests().layer;
    assert.deepEqual((await pull()).layers, [LAYER]);
    assert.deepEqual(ranges, [undefined, 'bytes=30000-', 'bytes=60000-']);
  });
});

test('a registry that answers a range with the whole is taken at its word', async () => {
  let broken = false;
  const intercept = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (broken || !request.url?.endsWith(layerDigest)) {
      return false;
    }
    broken = true;
    reply.writeHead(200, { 'content-length': LAYER.length });
    reply.write(LAYER.subarray(0, 10_000), () => request.socket.destroySoon());
    return true;
  };
  let layerDigest = 'none';
  await withRegistry({ intercept }, async ({ pull, registry }) => {
    layerDigest = registry.digests().layer;
    assert.deepEqual((await pull()).layers, [LAYER]);
    assert.ok(broken);
  });
});

test('a failure that lasts is told after four attempts, one that cannot pass after one', async () => {
  for (const [status, expected] of [
    [500, 4],
    [404, 1],
    [403, 1],
    [418, 1],
  ] as const) {
    let asked = 0;
    const intercept = first(100, (_, reply) => {
      asked++;
      reply.writeHead(status).end('secrets of the network');
    });
    await withRegistry({ intercept }, async ({ pull }) => {
      await assert.rejects(pull(), (error: OpenShellError) => !error.text.includes('secrets'));
      assert.equal(asked, expected, String(status));
    });
  }
});

test('silence ends in an error, and a cancelled pull ends at once', async () => {
  const silent = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (!isBlob(request)) {
      return false;
    }
    reply.writeHead(200, { 'content-length': 1000 });
    reply.write('x');
    return true;
  };
  await withRegistry({ intercept: silent }, async ({ pull }) => {
    await refused(pull({ settings: { silenceMs: 50 } }), /connection broke|sent nothing/);
    await refused(pull({ settings: { timeoutMs: 100 } }), /too long/);
    const cancel = new AbortController();
    const pulling = pull({ signal: cancel.signal });
    setImmediate(() => cancel.abort());
    await assert.rejects(pulling, { code: Code.CANCELLED });
  });
});

test('this machine is asked only when it is listed, and without TLS only what is listed for that', async () => {
  let asked = 0;
  const intercept = (): boolean => {
    asked++;
    return false;
  };
  await withRegistry({ intercept }, async ({ registry }) => {
    const port = registry.address.split(':')[1];
    const resolve = (host: string, insecure: string[], local: string[]) =>
      createRegistry({ insecure, local, authFile: '', maxBytes: 1e9, pauseMs: 1 }).resolve(
        `${host}:${port}/openshell/pulled:1`,
        signal,
      );
    // Names and addresses of the same listener, some of which do not say that it is this machine.
    for (const host of ['127.0.0.1', '127.1', 'localhost', '0.0.0.0', '[::ffff:7f00:1]', '[::1]', '[::]']) {
      const refusal = { reason: 'ImagePullFailed', message: /this machine/, hint: /local_registries/ };
      await assert.rejects(resolve(host, [], []), refusal, host);
      await assert.rejects(resolve(host, [host], []), refusal, host);
    }
    await assert.rejects(resolve('169.254.169.254', ['169.254.169.254'], []), { hint: /local_registries/ });
    assert.equal(asked, 0);
    const tls = { reason: 'ImagePullFailed', hint: /insecure_registries/ };
    await assert.rejects(resolve('127.0.0.1', [], ['127.0.0.1']), tls);
    assert.equal(asked, 0);
    for (const listed of ['127.1', `127.0.0.1:${port}`]) {
      await resolve('127.1', [listed], [listed]);
    }
    await resolve('localhost', ['localhost'], ['localhost']);
    assert.equal(asked, 3);
  });
});

test('a redirect to this machine, or to the metadata of a cloud, is not followed', async () => {
  for (const location of [
    'http://127.0.0.2:1/x',
    'http://169.254.169.254/latest/meta-data',
    'http://[fd00:ec2::254]/',
  ]) {
    await withRegistry(
      { intercept: first(9, (_, reply) => reply.writeHead(302, { location }).end()) },
      async ({ pull, registry }) => {
        const insecure = ['127.0.0.1', '127.0.0.2', '169.254.169.254', '[fd00:ec2::254]'];
        await refused(
          pull({ settings: { insecure, local: [registry.address] } }),
          /of this machine or of its link/,
        );
      },
    );
  }
});

test('a password goes to no host outside the domain of its registry, unless it is listed', async () => {
  const heard: (string | undefined)[] = [];
  const elsewhere = await startRegistry(LAYER, 0, {
    intercept: (request, reply) => {
      heard.push(request.headers.authorization);
      reply.end(JSON.stringify({ token: 'a-token' }));
      return true;
    },
  });
  const other = elsewhere.address.replace('127.0.0.1', 'localhost');
  const challenge = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (request.headers.authorization === 'Bearer a-token') {
      return false;
    }
    reply.writeHead(401, { 'www-authenticate': `Bearer realm="http://${other}/token"` }).end();
    return true;
  };
  try {
    await withRegistry({ intercept: challenge }, async ({ pull, registry, folder }) => {
      const authFile = join(folder, 'auth.json');
      await writeFile(authFile, JSON.stringify({ auths: { [registry.address]: LOGIN } }));
      const local = ['127.0.0.1', 'localhost'];
      const settings = { authFile, local, insecure: local };
      await refused(pull({ settings }), /asks for its password to be sent to localhost/);
      assert.equal(heard.length, 0);
      await pull({ settings: { ...settings, tokenHosts: [other] } });
      await pull({ settings: { ...settings, authFile: '' } });
      assert.deepEqual(
        heard.map((header: string | undefined) => header?.slice(0, 5)),
        ['Basic', undefined],
      );
    });
  } finally {
    await elsewhere.close();
  }
});

test('with TLS the certificate has to be trusted, and nothing leads back to plain HTTP', {
  skip: withoutOpenssl,
}, async () => {
  const { path: folder, remove } = tempFolder();
  // For an address that is this machine's, and that does not say so.
  const tls = createCertificates(folder).authority('test', 'subjectAltName=IP:0.0.0.0');
  let plain = '';
  let asked = 0;
  const reject = (request: IncomingMessage, reply: ServerResponse): boolean => {
    if (plain === 'redirect') {
      reply.writeHead(302, { location: `http://127.0.0.1:1${request.url}` }).end();
    } else if (plain === 'token') {
      reply.writeHead(401, { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/token"' }).end();
    } else {
      return false;
    }
    return true;
  };
  const registry = await startRegistry(LAYER, 0, {
    tls,
    intercept: (request, reply) => {
      asked++;
      return reject(request, reply);
    },
  });
  const resolve = () =>
    createRegistry({ insecure: [], local: ['0.0.0.0'], authFile: '', maxBytes: 1e9, pauseMs: 1 }).resolve(
      `${registry.address.replace('127.0.0.1', '0.0.0.0')}/openshell/pulled:1`,
      signal,
    );
  try {
    await assert.rejects(resolve(), { reason: 'ImagePullFailed', hint: /NODE_EXTRA_CA_CERTS/ });
    assert.equal(asked, 0);
    https.globalAgent.options.ca = tls.cert;
    assert.equal((await resolve()).digest, registry.digests().manifest);
    plain = 'redirect';
    await refused(resolve(), /from HTTPS to plain HTTP/);
    plain = 'token';
    await refused(resolve(), /a token server without TLS/);
  } finally {
    delete https.globalAgent.options.ca;
    await registry.close();
    remove();
  }
});
