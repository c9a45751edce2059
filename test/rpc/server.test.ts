import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import { foreignReason } from '../../dist/compute/reasons.js';
import { currentTrace } from '../../dist/compute/trace.js';
import { createRpcClient, type RpcClientOptions } from '../../dist/rpc/client/client.js';
import type { RpcClient } from '../../dist/rpc/client/contract.js';
import { detailsOf, fromFailure } from '../../dist/rpc/failure.js';
import type { IncomingCall, Method, ServedMethod } from '../../dist/rpc/server/contract.js';
import { RPC_LIMITS } from '../../dist/rpc/server/limits.js';
import { methodKinds } from '../../dist/rpc/server/methods.js';
import { createRpcServer, type RpcServer, type RpcServerOptions } from '../../dist/rpc/server/server.js';
import { encodeExecOutput, methods as wire } from '../../dist/wire/v00/index.js';
import { failureOf } from '../support/call-failure.js';
import { tempFolder } from '../support/folder.js';

const { unary, serverStream, bidi, unimplemented } = methodKinds<IncomingCall>();
type Options = RpcServerOptions<IncomingCall, ServedMethod<IncomingCall>>;
const LIMIT = { timeout: 60_000 };

function deferred<T = void>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

interface Served {
  readonly server: RpcServer;
  readonly client: RpcClient;
  readonly address: string;
}

async function serve(
  t: TestContext,
  methods: readonly Method<IncomingCall>[],
  options: Partial<Options> = {},
  clientOptions: RpcClientOptions = {},
): Promise<Served> {
  const server = createRpcServer({
    what: 'gateway',
    methods: methods.map((method) => ({ ...method, handler: () => method.handler })),
    admit: (call: IncomingCall) => ({ caller: call, subject: 'me' }),
    requestBytes: 1024 * 1024,
    limits: RPC_LIMITS,
    sendsRequestIds: true,
    log: silentLogger,
    ...options,
  });
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  const client = createRpcClient(address, { ownConnection: true, ...clientOptions });
  t.after(() => {
    client.close();
    server.end();
  });
  return { server, client, address };
}

/** Serves `method` with a handler that tells of its signal, and waits for it to abort. */
function waiting(began: (context: IncomingCall) => void) {
  return async (context: IncomingCall): Promise<never> => {
    began(context);
    return new Promise((_, reject) => {
      const { signal } = context;
      if (signal.aborted) {
        reject(signal.reason);
      }
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  };
}

function aborted(signal: AbortSignal): Promise<OpenShellError> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(signal.reason);
    }
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
}

async function readAll(messages: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of messages) {
    count++;
  }
  return count;
}

test('a handler sees user, peer, method, trace and headers by name', LIMIT, async (t) => {
  const seen: unknown[] = [];
  const { client } = await serve(t, [
    unary(wire.getSandbox, ({ name }, { requestId, peer, method, header, signal }) => {
      seen.push(
        requestId.length,
        peer.certificateCommonNames,
        method,
        header('x-mine'),
        header('x-other'),
        signal.aborted,
      );
      seen.push(currentTrace()?.tracestate, peer.address.replace(/\d+$/, 'PORT'));
      return { sandbox: { metadata: { name } } };
    }),
  ]);
  const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
  const headers = { 'x-mine': 'a, b', traceparent, tracestate: 'v=1' };
  const { sandbox } = await client.unary(wire.getSandbox, { name: 'box' }, { headers });
  assert.equal(sandbox?.metadata?.name, 'box');
  assert.deepEqual(seen, [
    36,
    [],
    '/openshell.v1.OpenShell/GetSandbox',
    'a, b',
    undefined,
    false,
    'v=1',
    '127.0.0.1:PORT',
  ]);
});

test('an authenticator may take its time, sees the evidence, and refuses', LIMIT, async (t) => {
  const asked: string[] = [];
  const ended: [number, string][] = [];
  const { client } = await serve(
    t,
    [
      unary(wire.getSandbox, (_, { header }) => ({
        sandbox: { metadata: { name: header('authorization') ?? '' } },
      })),
    ],
    {
      admit: async (given) => {
        asked.push(given.method);
        await new Promise(setImmediate);
        const subject = given.header('authorization');
        if (subject === undefined) {
          throw new OpenShellError(Code.UNAUTHENTICATED, 'missing', { reason: foreignReason('NoToken') });
        }
        return { caller: given, subject, ended: (code) => ended.push([code, subject]) };
      },
    },
  );
  const refused = await failureOf(client.unary(wire.getSandbox, {}));
  assert.deepEqual([refused.code, refused.details, detailsOf(refused)?.reason], [16, 'missing', 'NoToken']);
  const answer = await client.unary(wire.getSandbox, {}, { headers: { authorization: 'ann' } });
  assert.equal(answer.sandbox?.metadata?.name, 'ann');
  assert.deepEqual(asked, Array(2).fill('/openshell.v1.OpenShell/GetSandbox'));
  assert.deepEqual(ended, [[0, 'ann']]);
});

test('a request id is told again, or made', LIMIT, async (t) => {
  const ids: string[] = [];
  const { address } = await serve(t, [
    unary(wire.getSandbox, (_, { requestId }) => {
      ids.push(requestId);
      return {};
    }),
  ]);
  const raw = new Client(address, credentials.createInsecure());
  t.after(() => raw.close());
  const told = (given: string): Promise<unknown> =>
    new Promise((resolve) => {
      const metadata = new Metadata();
      metadata.set('x-request-id', given);
      const same = (bytes: Buffer) => bytes;
      raw
        .makeUnaryRequest(wire.getSandbox.path, same, same, Buffer.alloc(0), metadata, () => {})
        .on('metadata', (answer: Metadata) => resolve(answer.get('x-request-id')[0]));
    });
  assert.equal(await told('mine-1'), 'mine-1');
  const made = await told('not one');
  assert.match(String(made), /^[0-9a-f-]{36}$/);
  assert.deepEqual(ids, ['mine-1', made]);
});

test('an error comes back with all it says, however long: trailers stay below 8 KiB', LIMIT, async (t) => {
  let error = new OpenShellError(Code.ABORTED, 'somebody else was first', {
    ...{ reason: foreignReason('Conflict'), field: 'spec.image', hint: 'try again', retryAfterMs: 250 },
  });
  const { client } = await serve(t, [
    unary(wire.getSandbox, () => {
      throw error;
    }),
  ]);
  const ask = async () => fromFailure(await failureOf(client.unary(wire.getSandbox, {}))) as OpenShellError;
  const { code, message, reason, field, hint, retryAfterMs } = await ask();
  assert.deepEqual(
    [code, message, reason, field, hint, retryAfterMs],
    [Code.ABORTED, 'somebody else was first', 'Conflict', 'spec.image', 'try again', 250],
  );
  // The details leave out a message that is long, and still count.
  error = new OpenShellError(Code.ABORTED, 'x'.repeat(100_000), {
    ...{
      reason: foreignReason('Conflict'),
      field: 'y'.repeat(10_000),
      hint: 'z'.repeat(10_000),
      retryAfterMs: 250,
    },
  });
  const long = await ask();
  assert.equal(Buffer.byteLength(long.message), 1024);
  assert.deepEqual([long.reason, long.retryAfterMs], ['Conflict', 250]);
  assert.match(long.hint ?? '', /^z{100,}…$/);
  error = new OpenShellError(Code.NOT_FOUND, 'plain');
  assert.equal((await ask()).reason, undefined, 'a code is no reason');
});

test('what cannot be read, is too large or not served is refused by name', LIMIT, async (t) => {
  const { client } = await serve(t, [unary(wire.getSandbox, () => ({})), unimplemented(wire.execSandbox)], {
    requestBytes: 1000,
  });
  const malformed = { ...wire.getSandbox, encodeRequest: () => Buffer.from([0xff]) };
  const unread = await failureOf(client.unary(malformed, {}));
  assert.deepEqual([unread.code, detailsOf(unread)?.reason], [Code.INVALID_ARGUMENT, 'MalformedRequest']);
  const large = await failureOf(client.unary(wire.getSandbox, { name: 'x'.repeat(1001) }));
  assert.equal(large.code, Code.RESOURCE_EXHAUSTED);
  const unserved = await failureOf(readAll(client.serverStream(wire.execSandbox, {})));
  assert.equal(unserved.code, Code.UNIMPLEMENTED);
  assert.match(unserved.details, /this gateway does not serve openshell\.v1\.OpenShell\/ExecSandbox/);
});

test('streams go both ways and end by half-close', LIMIT, async (t) => {
  const { client } = await serve(t, [
    serverStream(wire.execSandbox, async ({ command }, _, send) => {
      for (const word of command) {
        await send(encodeExecOutput('stdout', Buffer.from(word)));
      }
    }),
    bidi(wire.execSandboxInteractive, async (requests, _, send) => {
      for await (const { payload } of requests) {
        if (payload.case === 'stdin') {
          await send(encodeExecOutput('stdout', payload.value));
        }
      }
    }),
  ]);
  const command = Array.from({ length: 300 }, (_, n) => String(n));
  const words: string[] = [];
  for await (const { payload } of client.serverStream(wire.execSandbox, { command })) {
    if (payload.case === 'stdout') {
      words.push(Buffer.from(payload.value.data).toString());
    }
  }
  assert.deepEqual(words, command);

  const call = client.duplex(wire.execSandboxInteractive);
  const sending = (async () => {
    for (let n = 0; n < 200; n++) {
      await call.send({ payload: { case: 'stdin', value: Buffer.alloc(50_000, n) } });
    }
    call.end();
  })();
  let bytes = 0;
  for await (const { payload } of call.responses) {
    if (payload.case === 'stdout') {
      bytes += payload.value.data.length;
    }
  }
  await sending;
  assert.equal(bytes, 200 * 50_000);
});

test('a sender waits for a client that reads slowly, and hears that it left', LIMIT, async (t) => {
  const full = deferred();
  const over = deferred<unknown>();
  let sent = 0;
  const { client } = await serve(
    t,
    [
      serverStream(wire.execSandbox, async (_, { signal }, send) => {
        try {
          for (;;) {
            const room = send(encodeExecOutput('stdout', Buffer.alloc(16_384)));
            sent++;
            if (room !== undefined && sent > 4) {
              full.resolve();
            }
            await room;
          }
        } catch (error) {
          over.resolve(signal.aborted && error);
          throw error;
        }
      }),
    ],
    {},
    { windowBytes: 65_536 },
  );
  const stream = client.serverStream(wire.execSandbox, {})[Symbol.asyncIterator]();
  await stream.next();
  await full.promise;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert(sent < 1000, `${sent} messages were sent to a client that reads none`);
  await stream.return?.();
  const error = await over.promise;
  assert(error instanceof OpenShellError);
  assert.equal(error.code, Code.CANCELLED);
});

test('a client that reads nothing is given up in time', LIMIT, async (t) => {
  const over = deferred<unknown>();
  const { client } = await serve(
    t,
    [
      serverStream(wire.execSandbox, async (_, __, send) => {
        try {
          for (;;) {
            await send(encodeExecOutput('stdout', Buffer.alloc(16_384)));
          }
        } catch (error) {
          over.resolve(error);
          throw error;
        }
      }),
    ],
    { limits: { ...RPC_LIMITS, stalledMs: 200 } },
    { windowBytes: 65_536 },
  );
  const stream = client.serverStream(wire.execSandbox, {})[Symbol.asyncIterator]();
  await stream.next();
  const error = await over.promise;
  assert(error instanceof OpenShellError);
  assert.deepEqual([error.code, error.reason], [Code.RESOURCE_EXHAUSTED, 'ClientStalled']);
  await stream.return?.();
});

test('a client that cancels or is late aborts the signal of every kind of call', LIMIT, async (t) => {
  let began = deferred<AbortSignal>();
  const wait = waiting(({ signal }) => began.resolve(signal));
  const { client } = await serve(t, [
    unary(wire.getSandbox, (_, context) => wait(context)),
    serverStream(wire.execSandbox, (_, context) => wait(context)),
    bidi(wire.execSandboxInteractive, (_, context) => wait(context)),
  ]);
  const kinds = [
    (options: object) => client.unary(wire.getSandbox, {}, options),
    (options: object) => readAll(client.serverStream(wire.execSandbox, {}, options)),
    (options: object) => readAll(client.duplex(wire.execSandboxInteractive, options).responses),
  ];
  for (const call of kinds) {
    began = deferred();
    const cancel = new AbortController();
    const cancelled = failureOf(call({ signal: cancel.signal }));
    const signal = await began.promise;
    assert.equal(signal.aborted, false);
    cancel.abort();
    assert.equal((await cancelled).code, Code.CANCELLED);
    assert.equal((await aborted(signal)).code, Code.CANCELLED);

    began = deferred();
    // The deadline counts from here: on a busy machine the server may never see a short one.
    const late = failureOf(call({ timeoutMs: 1_000 }));
    const first = await Promise.race([began.promise, late]);
    assert.equal((await late).code, Code.DEADLINE_EXCEEDED);
    if (first instanceof AbortSignal) {
      assert.equal((await aborted(first)).code, Code.CANCELLED);
    }
  }
});

test(
  'whoever reads requests hears that the client cancelled, which is no fault of the server',
  LIMIT,
  async (t) => {
    const began = deferred();
    const observed = deferred<number>();
    const faults: string[] = [];
    const { client } = await serve(
      t,
      [
        bidi(wire.execSandboxInteractive, async (requests, { signal }) => {
          began.resolve();
          await aborted(signal);
          for await (const _ of requests) {
          }
        }),
      ],
      {
        log: { ...silentLogger, error: (line: string) => faults.push(line) },
        observeCall: (_, code) => observed.resolve(code),
      },
    );
    const call = client.duplex(wire.execSandboxInteractive);
    const ended = failureOf(readAll(call.responses));
    await call.send({ payload: { case: 'stdin', value: Buffer.from('x') } });
    await began.promise;
    call.cancel();
    assert.equal((await ended).code, Code.CANCELLED);
    assert.equal(await observed.promise, Code.CANCELLED);
    assert.deepEqual(faults, []);
  },
);

test('a drain refuses new calls, lets running ones end, and then ends the rest', LIMIT, async (t) => {
  const began = [deferred(), deferred<AbortSignal>()] as const;
  const go = deferred();
  const { client, server } = await serve(t, [
    unary(wire.getSandbox, async ({ name }) => {
      began[0].resolve();
      await go.promise;
      return { sandbox: { metadata: { name } } };
    }),
    serverStream(wire.execSandbox, (_, context) =>
      waiting(({ signal }) => began[1].resolve(signal))(context),
    ),
  ]);
  const running = client.unary(wire.getSandbox, { name: 'kept' });
  const endless = failureOf(readAll(client.serverStream(wire.execSandbox, {})));
  await began[0].promise;
  const signal = await began[1].promise;
  const closed = server.close(1_000);
  const refused = await failureOf(client.unary(wire.getSandbox, {}));
  assert.deepEqual([refused.code, detailsOf(refused)?.reason], [Code.UNAVAILABLE, 'ShuttingDown']);
  assert.equal(refused.details, 'the gateway is shutting down');
  assert.equal(signal.aborted, false);
  go.resolve();
  assert.equal((await running).sandbox?.metadata?.name, 'kept');
  assert.equal(detailsOf(await endless)?.reason, 'ShuttingDown');
  assert.equal((await aborted(signal)).reason, 'ShuttingDown');
  await closed;
});

test('over a Unix socket all is the same, and an end is at once', LIMIT, async (t) => {
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  const began = deferred<AbortSignal>();
  const { server } = await serve(t, [
    unary(wire.getSandbox, ({ name }, { peer }) => ({
      sandbox: { metadata: { name: name + peer.address } },
    })),
    serverStream(wire.execSandbox, (_, context) => waiting(({ signal }) => began.resolve(signal))(context)),
  ]);
  const target = `unix:${join(folder, 'rpc.sock')}`;
  assert.equal(await server.listen(target), 0);
  const client = createRpcClient(target);
  t.after(() => client.close());
  const { sandbox } = await client.unary(wire.getSandbox, { name: 'from ' });
  assert.equal(sandbox?.metadata?.name, 'from unknown');
  const endless = failureOf(readAll(client.serverStream(wire.execSandbox, {})));
  const signal = await began.promise;
  server.end();
  assert(signal.aborted);
  await endless;
});
