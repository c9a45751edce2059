import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import type { UnaryClient } from '../../dist/rpc/client/contract.js';
import { createUnaryClient, type UnaryClientOptions } from '../../dist/rpc/unary/client.js';
import { failureOf } from '../support/call-failure.js';
import { createCertificates, type KeyPair, withoutOpenssl } from '../support/certificates.js';
import { tempFolder } from '../support/folder.js';
import { listen } from '../support/listen.js';

/** gRPC's status numbers. */
const CANCELLED = 1;
const UNKNOWN = 2;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

const MIB = 1024 * 1024;
/** What hangs is no answer. */
const SOON_MS = 10_000;

/** Bytes as they are. */
const METHOD = {
  path: '/test.Test/Call',
  encodeRequest: (bytes: Buffer) => bytes,
  decodeResponse: (bytes: Buffer) => bytes,
};

type Open = (target: string, options?: UnaryClientOptions) => Promise<UnaryClient>;

const CLIENTS: Readonly<Record<string, Open>> = {
  light: createUnaryClient,
  full: async (target, options = {}) => createRpcClient(target, { ...options, ownConnection: true }),
};

type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer) => void;

interface TestServer {
  readonly target: string;
  readonly sessions: readonly ServerHttp2Session[];
  answer: Answer;
  /** Ends all connections without a word. */
  drop(): void;
}

/** An HTTP/2 server that answers as the test says; what it does not say stays without an answer. */
async function startServer(t: TestContext, answer: Answer, path?: string): Promise<TestServer> {
  const http2: Http2Server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const sockets = new Set<Socket>();
  // Not the sessions: Node 22 aborts when one is destroyed that has more to read.
  const drop = () => {
    for (const socket of sockets) {
      socket.destroy();
    }
  };
  const started: TestServer & { target: string } = { target: '', sessions, answer, drop };
  http2.on('connection', (socket: Socket) => sockets.add(socket));
  http2.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  http2.on('stream', (stream, headers) => {
    const parts: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => started.answer(stream, headers, Buffer.concat(parts)));
  });
  t.after(() => {
    drop();
    http2.close();
  });
  if (path === undefined) {
    started.target = `127.0.0.1:${await listen(http2)}`;
  } else {
    http2.listen(path);
    await once(http2, 'listening');
    started.target = `unix:${path}`;
  }
  return started;
}

/** A listener that does with a connection what the test says. */
async function startTcp(t: TestContext, meet: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const tcp = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    meet(socket);
  });
  t.after(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    tcp.close();
  });
  return `127.0.0.1:${await listen(tcp)}`;
}

function frame(message: Uint8Array, flag = 0): Buffer {
  const head = Buffer.from([flag, 0, 0, 0, 0]);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The answer of a call that went well, or `status` and whatever else the trailers have. */
function reply(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string> = {}): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...trailers }));
  stream.end(body);
}

for (const [name, openClient] of Object.entries(CLIENTS)) {
  const open = async (t: TestContext, target: string, options?: UnaryClientOptions) => {
    const client = await openClient(target, options);
    t.after(() => client.close());
    return (
      body = 'hi',
      more: { timeoutMs?: number; signal?: AbortSignal; headers?: Record<string, string> } = {},
    ) => client.unary(METHOD, Buffer.from(body), { timeoutMs: SOON_MS, ...more });
  };

  test(`${name}: a call sends what gRPC asks for, and gives the one message of the answer`, async (t) => {
    let seen: IncomingHttpHeaders = {};
    const server = await startServer(t, (stream, headers, body) => {
      seen = headers;
      reply(stream, body);
    });
    const call = await open(t, server.target);
    const headers = { authorization: 'Bearer abc', traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` };
    assert.equal((await call('hello', { headers })).toString(), 'hello');
    assert.deepEqual(
      [':method', ':scheme', ':path', ':authority', 'content-type', 'te', ...Object.keys(headers)].map(
        (key) => seen[key],
      ),
      ['POST', 'http', METHOD.path, server.target, 'application/grpc', 'trailers', ...Object.values(headers)],
    );
    assert.match(String(seen['grpc-timeout']), /^\d{1,8}m$/);
    assert.equal((await call('', {})).length, 0);
    assert.equal(server.sessions.length, 1);
    await call('x', { timeoutMs: 2 ** 40 });
    assert.match(String(seen['grpc-timeout']), /^\d{1,8}[SMH]$/);
  });

  test(`${name}: the status comes from trailers or from headers that are all there is`, async (t) => {
    const details = Buffer.alloc(3000, 7);
    const status = {
      'grpc-status': '5',
      'grpc-message': encodeURI('no sandbox “bóx”: 100%'),
      'grpc-status-details-bin': details.toString('base64').replace(/=+$/, ''),
    };
    const server = await startServer(t, (stream) => reply(stream, Buffer.alloc(0), status));
    const call = await open(t, server.target);
    const check = async () => {
      const failure = await failureOf(call());
      assert.deepEqual([failure.code, failure.details], [NOT_FOUND, 'no sandbox “bóx”: 100%']);
      assert.deepEqual(failure.trailer, details);
    };
    await check();
    server.answer = (stream) => stream.respond({ ':status': 200, ...status }, { endStream: true });
    await check();
    server.answer = (stream) => reply(stream, frame(Buffer.from('ignored')), status);
    await check();
    server.answer = (stream) =>
      reply(stream, Buffer.alloc(0), { 'grpc-status': '9', 'grpc-message': '50% off' });
    assert.equal((await failureOf(call())).details, '50% off');
    server.answer = (stream) => reply(stream, Buffer.alloc(0), { 'grpc-status': '77' });
    assert.equal((await failureOf(call())).code, 77);
  });

  test(`${name}: trailers of 48 KiB are read; larger ones than HTTP/2 was told fail the call`, async (t) => {
    const server = await startServer(t, (stream) =>
      reply(stream, Buffer.alloc(0), { 'grpc-status': '5', 'grpc-message': 'x'.repeat(48 * 1024) }),
    );
    const call = await open(t, server.target);
    const failure = await failureOf(call());
    assert.deepEqual([failure.code, failure.details.length], [NOT_FOUND, 48 * 1024]);
    server.answer = (stream) =>
      reply(stream, Buffer.alloc(0), { 'grpc-status': '5', 'grpc-message': 'x'.repeat(256 * 1024) });
    assert.notEqual((await failureOf(call())).code, NOT_FOUND);
  });

  test(`${name}: a status of HTTP without one of gRPC says what it means`, async (t) => {
    const server = await startServer(t, () => {});
    const call = await open(t, server.target);
    const meanings = {
      400: INTERNAL,
      401: UNAUTHENTICATED,
      403: PERMISSION_DENIED,
      404: UNIMPLEMENTED,
      429: UNAVAILABLE,
      500: UNKNOWN,
      502: UNAVAILABLE,
      503: UNAVAILABLE,
      504: UNAVAILABLE,
    };
    for (const [status, code] of Object.entries(meanings)) {
      for (const body of ['', '<html><body>a page that is no message</body></html>']) {
        server.answer = (stream) => {
          stream.respond(
            { ':status': Number(status), 'content-type': 'text/html' },
            { endStream: body === '' },
          );
          if (body !== '') {
            stream.end(body);
          }
        };
        const failure = await failureOf(call());
        assert.deepEqual([failure.code, failure.details], [code, `Received HTTP status code ${status}`]);
      }
    }
    server.answer = (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(frame(Buffer.from('a message')));
    };
    assert([INTERNAL, UNKNOWN].includes((await failureOf(call())).code));
  });

  test(`${name}: an answer larger than the limit is refused before it is read, a large one is taken`, async (t) => {
    const server = await startServer(t, (stream) => reply(stream, frame(Buffer.alloc(12 * MIB, 1))));
    const call = await open(t, server.target, { maxAnswerBytes: 12 * MIB });
    assert.equal((await call()).length, 12 * MIB);
    server.answer = (stream) => reply(stream, frame(Buffer.alloc(12 * MIB + 1, 1)));
    const failure = await failureOf(call());
    assert.deepEqual(
      [failure.code, failure.details],
      [RESOURCE_EXHAUSTED, `Received message larger than max (${12 * MIB + 1} vs ${12 * MIB})`],
    );
    const small = await open(t, server.target);
    assert.equal((await failureOf(small())).code, RESOURCE_EXHAUSTED);
  });

  test(`${name}: an answer that is not one message is refused`, async (t) => {
    const server = await startServer(t, (stream) => reply(stream, Buffer.alloc(0)));
    const call = await open(t, server.target);
    assert.equal((await failureOf(call())).code, UNIMPLEMENTED);
    server.answer = (stream) =>
      reply(stream, Buffer.concat([frame(Buffer.from('a')), frame(Buffer.from('b'))]));
    // grpc-js waits for its deadline then.
    assert(
      [UNIMPLEMENTED, DEADLINE_EXCEEDED].includes((await failureOf(call('hi', { timeoutMs: 500 }))).code),
    );
    server.answer = (stream) => reply(stream, frame(Buffer.alloc(100)).subarray(0, 50));
    assert.equal((await failureOf(call())).code, UNIMPLEMENTED);
    server.answer = (stream) => reply(stream, frame(Buffer.from('packed'), 1));
    await assert.rejects(call());
    server.answer = (stream) => {
      stream.respond({ ':status': 200 });
      for (const byte of frame(Buffer.from('byte by byte'))) {
        stream.write(Buffer.from([byte]));
      }
      setImmediate(() => stream.destroy());
    };
    await assert.rejects(call());
    server.answer = (stream, _, body) => reply(stream, body);
    assert.equal((await call('still there')).toString(), 'still there');
  });

  test(`${name}: a reset stream says why; nothing is sent twice`, async (t) => {
    let calls = 0;
    const server = await startServer(t, () => {});
    const call = await open(t, server.target);
    const resets = [
      [constants.NGHTTP2_CANCEL, CANCELLED],
      [constants.NGHTTP2_INTERNAL_ERROR, INTERNAL],
      [constants.NGHTTP2_ENHANCE_YOUR_CALM, RESOURCE_EXHAUSTED],
      [constants.NGHTTP2_INADEQUATE_SECURITY, PERMISSION_DENIED],
      [constants.NGHTTP2_PROTOCOL_ERROR, INTERNAL],
      [constants.NGHTTP2_REFUSED_STREAM, UNAVAILABLE],
    ] as const;
    for (const [reset, code] of resets) {
      calls = 0;
      server.answer = (stream) => {
        calls++;
        stream.close(reset);
      };
      assert.equal((await failureOf(call())).code, code, `reset ${reset}`);
      assert.equal(calls, 1);
    }
  });

  test(`${name}: a call ends at its deadline and when it is cancelled, and the server is told`, async (t) => {
    const told: Promise<number | undefined>[] = [];
    let arrived = () => {};
    const server = await startServer(t, (stream) => {
      told.push(once(stream, 'close').then(() => stream.rstCode));
      arrived();
    });
    const call = await open(t, server.target);
    assert.equal((await failureOf(call('hi', { timeoutMs: 300 }))).code, DEADLINE_EXCEEDED);
    assert.equal((await failureOf(call('hi', { timeoutMs: 0 }))).code, DEADLINE_EXCEEDED);
    const controller = new AbortController();
    const there = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const pending = failureOf(call('hi', { signal: controller.signal }));
    await there;
    controller.abort();
    assert.equal((await pending).code, CANCELLED);
    assert.equal((await failureOf(call('hi', { signal: AbortSignal.abort() }))).code, CANCELLED);
    assert.equal(await told.at(-1), constants.NGHTTP2_CANCEL);
  });

  test(`${name}: a connection that goes fails its calls, and the next call opens another`, async (t) => {
    const server = await startServer(t, () => {
      server.drop();
    });
    const call = await open(t, server.target);
    assert.equal((await failureOf(call())).code, UNAVAILABLE);
    const echo: Answer = (stream, _, body) => reply(stream, body);
    server.answer = echo;
    assert.equal((await call('again')).toString(), 'again');
    // It goes away, and does what it has begun.
    server.answer = (stream, headers, body) => {
      stream.session?.goaway();
      setImmediate(() => echo(stream, headers, body));
    };
    const before = server.sessions.length;
    assert.equal((await call('last')).toString(), 'last');
    server.answer = echo;
    assert.equal((await call('next')).toString(), 'next');
    assert.equal(server.sessions.length, before + 1);
  });

  test(`${name}: many calls at once share the connection`, async (t) => {
    const server = await startServer(t, (stream, _, body) => reply(stream, body));
    const call = await open(t, server.target);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => call(`n${at}`)));
    assert.deepEqual(
      answers.map(String),
      Array.from({ length: 50 }, (_, at) => `n${at}`),
    );
    assert.equal(server.sessions.length, 1);
  });

  test(`${name}: a unix socket does as well`, async (t) => {
    const { path: folder, remove } = tempFolder();
    t.after(remove);
    const server = await startServer(t, (stream, _, body) => reply(stream, body), join(folder, 's'));
    assert.equal((await (await open(t, server.target))()).toString(), 'hi');
    assert.equal((await failureOf((await open(t, `unix:${folder}/none`))())).code, UNAVAILABLE);
  });

  test(`${name}: nobody there, or somebody who speaks no HTTP/2, is UNAVAILABLE`, async (t) => {
    const gone = await startTcp(t, () => {});
    const closed = createTcpServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const refused = await failureOf((await open(t, `127.0.0.1:${port}`))());
    assert.equal(refused.code, UNAVAILABLE);
    assert.match(refused.details, /^No connection established\. Last error: Error: connect ECONNREFUSED/);
    assert.equal((await failureOf((await open(t, gone))('hi', { timeoutMs: 300 }))).code, DEADLINE_EXCEEDED);

    const hostile: readonly (readonly [string, (socket: Socket) => void])[] = [
      ['closes', (socket) => socket.destroy()],
      ['ends', (socket) => socket.end()],
      [
        'random bytes',
        (socket) => socket.end(Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 197 + 31) % 256))),
      ],
      ['HTTP/1.1', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n')],
      // SETTINGS of 6 bytes, of which 3 come.
      ['half a frame', (socket) => socket.end(Buffer.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0]))],
    ];
    for (const [what, meet] of hostile) {
      const target = await startTcp(t, meet);
      const failure = await failureOf((await open(t, target))());
      assert.equal(failure.code, UNAVAILABLE, `${what}: ${failure.code} ${failure.details}`);
    }
    // SETTINGS, and then a frame of 16 MiB that is larger than allowed: Node leaves some such connections open.
    const large = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 1]);
    const target = await startTcp(t, (socket) => socket.write(large));
    const failure = await failureOf((await open(t, target))('hi', { timeoutMs: 500 }));
    assert([UNAVAILABLE, DEADLINE_EXCEEDED].includes(failure.code), failure.details);
  });
}

/** What TLS is tried with: an authority and what it signed, and another authority. */
function certificates(t: TestContext) {
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  const { authority, issue } = createCertificates(folder);
  const here = 'subjectAltName=IP:127.0.0.1';
  return {
    ca: authority('ca'),
    other: authority('other'),
    server: issue('server', { extensions: [here] }),
    expired: issue('expired', { extensions: [here], from: '20200101000000Z', to: '20200102000000Z' }),
    elsewhere: issue('elsewhere', { extensions: ['subjectAltName=DNS:elsewhere.example'] }),
    client: issue('client', { extensions: ['extendedKeyUsage=clientAuth'] }),
  };
}

const UNKNOWN_SIGNER = /unable to verify|self.signed|local issuer|signature/i;

test('TLS', { skip: withoutOpenssl }, async (t) => {
  const { ca, other, server, expired, elsewhere, client } = certificates(t);
  const serve = async (own: KeyPair, requestCert = false): Promise<string> => {
    const secure = createSecureServer({ ...own, ca: ca.cert, requestCert, rejectUnauthorized: requestCert });
    const sockets = new Set<Duplex>();
    secure.on('secureConnection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
    });
    secure.on('stream', (stream: ServerHttp2Stream) => {
      const peer =
        (stream.session?.socket as TLSSocket | undefined)?.getPeerCertificate?.().subject?.CN ?? 'nobody';
      stream.on('error', () => {});
      stream.resume();
      reply(stream, frame(Buffer.from(String(peer))));
    });
    t.after(() => {
      for (const socket of sockets) {
        socket.destroy();
      }
      secure.close();
    });
    return `127.0.0.1:${await listen(secure)}`;
  };
  const targets = {
    open: await serve(server),
    closed: await serve(server, true),
    expired: await serve(expired),
    elsewhere: await serve(elsewhere),
  };
  for (const [name, openClient] of Object.entries(CLIENTS)) {
    const call = async (target: string, tls: UnaryClientOptions['tls']) => {
      const client = await openClient(target, tls === undefined ? {} : { tls });
      try {
        return String(await client.unary(METHOD, Buffer.from('hi'), { timeoutMs: SOON_MS }));
      } finally {
        client.close();
      }
    };
    const refusal = async (target: string, tls: UnaryClientOptions['tls'], reason: RegExp) => {
      const failure = await failureOf(call(target, tls));
      assert.equal(failure.code, UNAVAILABLE, failure.details);
      assert.match(failure.details, reason);
    };
    await t.test(
      `${name}: the server is known by its authority, and the client by its certificate`,
      async () => {
        assert.equal(await call(targets.open, { ca: ca.cert }), 'nobody');
        assert.equal(await call(targets.closed, { ca: ca.cert, ...client }), 'client');
      },
    );
    await t.test(`${name}: who is not known, or somebody else, is refused by its reason`, async () => {
      await refusal(targets.open, { ca: other.cert }, UNKNOWN_SIGNER);
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      try {
        await refusal(targets.open, { ca: other.cert }, UNKNOWN_SIGNER);
      } finally {
        delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      }
      await refusal(targets.expired, { ca: ca.cert }, /expired/);
      await refusal(targets.elsewhere, { ca: ca.cert }, /altnames/);
      await refusal(
        targets.closed,
        { ca: ca.cert },
        /certificate required|handshake|Failed to connect|ECONNRESET|closed/i,
      );
    });
    await t.test(`${name}: whoever asks for it takes any certificate`, async () => {
      assert.equal(await call(targets.expired, { verify: false }), 'nobody');
      assert.equal(await call(targets.elsewhere, { ca: other.cert, verify: false }), 'nobody');
    });
    await t.test(`${name}: TLS to plain text, and plain text to TLS`, async () => {
      const plain = await startServer(t, (stream, _, body) => reply(stream, body));
      await refusal(
        plain.target,
        { ca: ca.cert },
        /SSL|EPROTO|wrong version|ECONNRESET|disconnected|closed/i,
      );
      await refusal(targets.open, undefined, /Failed to connect|closed|ECONNRESET/);
    });
    await t.test(`${name}: certificates that cannot be read are said before any call`, async () => {
      await assert.rejects(async () =>
        openClient(targets.open, { tls: { ca: ca.cert, cert: client.cert, key: Buffer.from('x') } }),
      );
    });
  }
});
