import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ExecChunk, ExecSession, ExecSpec } from '../../dist/compute/driver.js';
import { methods as api } from '../../dist/wire/v00/index.js';
import { createFakeEngine, type FakeEngine, printing } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

let folder: TempFolder;
let engine: FakeEngine;
let running: TestGateway;
let sandboxId: string;

beforeEach(async () => {
  folder = tempFolder();
  engine = createFakeEngine();
  running = await startTestGateway(folder.path, [engine.entry()]);
  const { sandbox } = await running.client.unary(api.createSandbox, { name: 'box' });
  sandboxId = sandbox?.metadata?.id ?? '';
  await eventually('ready', () => engine.resources.get(sandboxId)?.runs === 1 && ready());
});
afterEach(async () => {
  await running.close();
  folder.remove();
});

async function ready() {
  return (await running.client.unary(api.getSandbox, { name: 'box' })).sandbox?.status?.phase === 2;
}

async function collect(stream: AsyncIterable<{ payload: { case?: string; value?: unknown } }>) {
  const seen = { stdout: '', stderr: '', exitCode: undefined as number | undefined };
  for await (const { payload } of stream) {
    if (payload.case === 'exit') {
      seen.exitCode = (payload.value as { exitCode: number }).exitCode;
    } else if (payload.case === 'stdout' || payload.case === 'stderr') {
      seen[payload.case] += Buffer.from((payload.value as { data: Uint8Array }).data).toString();
    }
  }
  return seen;
}

function bytes(text: string) {
  return Buffer.from(text);
}

test('output comes apart by stream and the exit code last', async () => {
  engine.exec = () =>
    printing(
      [
        { stream: 'stdout', data: bytes('out') },
        { stream: 'stderr', data: bytes('err') },
      ],
      42,
    );
  const seen = await collect(running.client.serverStream(api.execSandbox, { sandboxId, command: ['x'] }));
  assert.deepEqual(seen, { stdout: 'out', stderr: 'err', exitCode: 42 });
});

test('much output arrives byte for byte and in order', async () => {
  const pieces = Array.from({ length: 300 }, (_, i) => ({
    stream: i % 7 === 0 ? ('stderr' as const) : ('stdout' as const),
    data: Buffer.alloc((i * 997) % 70_000, i),
  }));
  engine.exec = () => printing(pieces, 0);
  const got = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const { payload } of running.client.serverStream(api.execSandbox, {
    sandboxId,
    command: ['x'],
  })) {
    if (payload.case === 'stdout' || payload.case === 'stderr') {
      got[payload.case].push(payload.value.data);
    }
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    const sent = pieces.filter((piece) => piece.stream === stream).map((piece) => piece.data);
    assert(Buffer.concat(got[stream]).equals(Buffer.concat(sent)), `${stream} is what was printed`);
  }
});

test('the spec reaches the driver as the client gave it', async () => {
  let given: ExecSpec | undefined;
  engine.exec = (_, spec) => {
    given = spec;
    return printing([], 0);
  };
  await collect(
    running.client.serverStream(api.execSandbox, {
      sandboxId,
      command: ['sh', '-c', 'echo "$A"'],
      workdir: '/tmp',
      environment: { A: 'b' },
      timeoutSeconds: 5,
      tty: true,
    }),
  );
  assert.deepEqual(given, {
    command: ['sh', '-c', 'echo "$A"'],
    workdir: '/tmp',
    environment: { A: 'b' },
    tty: true,
    size: { cols: 80, rows: 24 },
    timeoutMs: 5000,
    stdin: false,
  });
});

function echoing(sizes: unknown[]): ExecSession {
  const stdin = new PassThrough();
  return {
    stdin,
    output: (async function* (): AsyncGenerator<ExecChunk> {
      for await (const data of stdin) {
        yield { stream: 'stdout', data };
      }
    })(),
    resize: async (size) => {
      sizes.push(size);
    },
    exitCode: new Promise((resolve) => stdin.on('end', () => resolve(0))),
  };
}

test('interactive: stdin streams in, its end is the end of file, resizes arrive', async () => {
  const sizes: unknown[] = [];
  engine.exec = () => echoing(sizes);
  const call = running.client.duplex(api.execSandboxInteractive);
  const seen = collect(call.responses);
  await call.send({ payload: { case: 'start', value: { sandboxId, command: ['cat'], tty: true } } });
  await call.send({ payload: { case: 'stdin', value: bytes('one ') } });
  await call.send({ payload: { case: 'resize', value: { cols: 100, rows: 30 } } });
  await call.send({ payload: { case: 'stdin', value: bytes('two') } });
  await call.end();
  assert.deepEqual(await seen, { stdout: 'one two', stderr: '', exitCode: 0 });
  assert.deepEqual(sizes, [{ cols: 100, rows: 30 }]);
});

test('interactive: a stream that does not begin with start is refused', async () => {
  const call = running.client.duplex(api.execSandboxInteractive);
  await call.send({ payload: { case: 'stdin', value: bytes('x') } });
  await assert.rejects(collect(call.responses), { code: status.INVALID_ARGUMENT });
});

test('a client that goes away aborts the exec', async () => {
  let aborted = false;
  engine.exec = (_ref, _spec, signal) => ({
    stdin: undefined,
    resize: async () => {},
    output: (async function* (): AsyncGenerator<ExecChunk> {
      yield { stream: 'stdout', data: bytes('begun') };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted = true;
    })(),
    exitCode: new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  const leaving = new AbortController();
  const stream = running.client.serverStream(
    api.execSandbox,
    { sandboxId, command: ['sleep'] },
    { signal: leaving.signal },
  );
  await assert.rejects(async () => {
    for await (const _ of stream) {
      leaving.abort();
    }
  });
  await eventually('the driver was told', () => aborted);
});

test('a gateway that ends waits until the commands that it cuts off are ended, and says why', async () => {
  let gone = false;
  engine.exec = (_ref, _spec, signal) => {
    const ended = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => setTimeout(resolve, 200));
    });
    return {
      stdin: undefined,
      resize: async () => {},
      output: (async function* (): AsyncGenerator<ExecChunk> {
        yield { stream: 'stdout', data: bytes('begun') };
        await ended;
        gone = true;
      })(),
      exitCode: ended.then(() => {
        throw signal.reason;
      }),
    };
  };
  let closing: Promise<void> | undefined;
  const stream = running.client.serverStream(api.execSandbox, { sandboxId, command: ['sleep'] });
  const reading = async () => {
    for await (const _ of stream) {
      closing = running.gateway.close(0);
    }
  };
  await assert.rejects(reading(), { code: status.UNAVAILABLE, details: 'the gateway is shutting down' });
  await closing;
  assert.equal(gone, true);
});

test('a gateway that ends tells those who watch', async () => {
  const stream = running.client.serverStream(api.watchSandbox, { id: sandboxId, followStatus: true });
  const reading = async () => {
    for await (const _ of stream) {
      void running.gateway.close(0);
    }
  };
  await assert.rejects(reading(), { code: status.UNAVAILABLE, details: 'the gateway is shutting down' });
});

test('an exec lost by its engine is UNAVAILABLE; on a sandbox that is not ready FAILED_PRECONDITION', async () => {
  engine.exec = () => ({ ...printing([], 0), exitCode: Promise.reject(new Error('socket hang up')) });
  await assert.rejects(collect(running.client.serverStream(api.execSandbox, { sandboxId, command: ['x'] })), {
    code: status.UNAVAILABLE,
  });
  await running.client.unary(api.stopSandbox, { name: 'box' });
  await assert.rejects(collect(running.client.serverStream(api.execSandbox, { sandboxId, command: ['x'] })), {
    code: status.FAILED_PRECONDITION,
    details: 'sandbox is not ready',
  });
});

test('a large output goes through a slow reader whole', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let produced = 0;
  engine.exec = () => ({
    ...printing([], 0),
    output: (async function* (): AsyncGenerator<ExecChunk> {
      for (; produced < 256; produced++) {
        yield { stream: 'stdout', data: chunk };
      }
    })(),
  });
  let received = 0;
  let ahead = 0;
  for await (const { payload } of running.client.serverStream(api.execSandbox, {
    sandboxId,
    command: ['x'],
  })) {
    if (payload.case !== 'stdout') {
      continue;
    }
    if (received === 0) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      ahead = produced;
    }
    received += payload.value.data.length;
  }
  assert.equal(received, 256 * chunk.length);
  assert.ok(ahead < 256, `the producer was held back while nobody read (${ahead} of 256)`);
});
