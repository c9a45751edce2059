import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import type { DriverEntry } from '../../dist/compute/entry.js';
import type { GatewayOptions } from '../../dist/gateway/gateway.js';
import type { CallFailure } from '../../dist/rpc/call-failure.js';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import { detailsOf } from '../../dist/rpc/failure.js';
import { RPC_LIMITS } from '../../dist/rpc/server/limits.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { times } from '../support/soak.js';
import { eventually } from '../support/wait.js';

async function start(
  t: TestContext,
  limits: NonNullable<GatewayOptions['limits']>,
  change: (driver: ComputeDriver) => ComputeDriver = (driver) => driver,
) {
  const folder = tempFolder();
  const engine = createFakeEngine();
  const running = new Set<AbortSignal>();
  /** Prints for as long as it is read, or nothing. */
  let printed = Buffer.alloc(0);
  engine.exec = (_, __, signal) => {
    running.add(signal);
    signal.addEventListener('abort', () => running.delete(signal));
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    aborted.catch(() => {});
    const output = async function* () {
      for (; printed.length > 0 && !signal.aborted; await turn()) {
        yield { stream: 'stdout' as const, data: printed };
      }
      await aborted;
    };
    return { output: output(), stdin: undefined, resize: async () => {}, exitCode: aborted };
  };
  const entry: DriverEntry = engine.entry();
  const changed: DriverEntry = {
    ...entry,
    load: async () => {
      const { createDriver } = await entry.load();
      return { createDriver: async (context) => change(await createDriver(context)) };
    },
  };
  const { gateway, client, close } = await startTestGateway(folder.path, [changed], { limits });
  t.after(async () => {
    await close();
    folder.remove();
  });
  const { sandbox } = await client.unary(api.createSandbox, { name: 'box' });
  const id = sandbox?.metadata?.id ?? '';
  await eventually('ready', async () => {
    const found = await client.unary(api.getSandbox, { name: 'box' });
    return found.sandbox?.status?.phase === SandboxPhase.READY;
  });
  const print = (bytes: number) => {
    printed = Buffer.alloc(bytes, 'x');
  };
  return { gateway, client, id, running, print };
}

function reasonOf(error: CallFailure) {
  return detailsOf(error)?.reason;
}

test('a connection is asked every 30 s whether it lives, and has 20 s to answer; so is every limit set', () => {
  assert.equal(RPC_LIMITS.keepaliveMs, 30_000);
  assert.equal(RPC_LIMITS.keepaliveTimeoutMs, 20_000);
  for (const [limit, value] of Object.entries(RPC_LIMITS)) {
    assert(value > 0 && value < 2 ** 31, limit);
  }
});

test('a client that is told how many calls a connection may carry', async (t) => {
  const { gateway } = await start(t, { callsPerConnection: 77 });
  const session = connectHttp2(`http://${gateway.address}`);
  const [settings] = await once(session, 'remoteSettings');
  session.destroy();
  assert.equal(settings.maxConcurrentStreams, 77);
});

test('the exec of a client that stands still is ended, again and again', async (t) => {
  const { gateway, id, running } = await start(t, { keepaliveMs: 300, keepaliveTimeoutMs: 700 });
  for (let round = 0; round < times(2, 200); round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'half-open.js'), gateway.address, id], {
      stdio: 'ignore',
    });
    try {
      await eventually('the exec runs', () => running.size === 1, 30_000);
      // A client that is alive answers: nothing is ended.
      await sleep(1_500);
      assert.equal(running.size, 1);
      child.kill('SIGSTOP');
      await eventually('the exec is ended', () => running.size === 0, 50_000);
    } finally {
      child.kill('SIGKILL');
    }
  }
});

test('a user has so many streams and is refused more by name, until one ends', async (t) => {
  const { client, id } = await start(t, { streamsPerUser: 3 });
  const open = async () => {
    const leave = new AbortController();
    const stream = client.serverStream(
      api.watchSandbox,
      { id, followStatus: true },
      { signal: leave.signal },
    );
    const messages = stream[Symbol.asyncIterator]();
    await messages.next();
    return leave;
  };
  const streams = [await open(), await open(), await open()];
  await assert.rejects(open(), (error: never) => {
    assert.equal((error as { code: number }).code, status.RESOURCE_EXHAUSTED);
    assert.equal(reasonOf(error), 'TooManyStreams');
    return true;
  });
  // Calls that are no streams go on.
  await client.unary(api.getSandbox, { name: 'box' });
  streams.pop()?.abort();
  streams.push(await eventually('another one', () => open().catch(() => undefined)));
  for (const leave of streams) {
    leave.abort();
  }
});

async function dial(address: string): Promise<Socket> {
  const [, host = '', port] = /^(.*):(\d+)$/.exec(address) ?? [];
  const socket = connect(Number(port), host);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

for (const [what, limits] of [
  ['in all', { connections: 3 }],
  ['from one address', { connectionsPerAddress: 3 }],
] as const) {
  test(`connections ${what} are bounded; one that goes makes room`, async (t) => {
    // One of them is the client's own.
    const { gateway } = await start(t, limits);
    const sockets = [await dial(gateway.address), await dial(gateway.address)];
    const over = await dial(gateway.address);
    await eventually('it is refused', () => over.destroyed);
    for (const socket of sockets) {
      assert.equal(socket.destroyed, false);
    }
    sockets.pop()?.destroy();
    const next = await eventually('room', async () => {
      const socket = await dial(gateway.address);
      await sleep(50);
      return socket.destroyed || socket.readyState !== 'open' ? undefined : socket;
    });
    next.destroy();
    for (const socket of sockets) {
      socket.destroy();
    }
  });
}

test('a stream whose client reads nothing is ended by name, and its command with it', async (t) => {
  const { gateway, id, running, print } = await start(t, { stalledMs: 500 });
  print(64 * 1024);
  const client = createRpcClient(gateway.address, {
    windowBytes: 65_536,
  });
  t.after(() => client.close());
  const stream = client.serverStream(api.execSandbox, { sandboxId: id, command: ['yes'] });
  const messages = stream[Symbol.asyncIterator]();
  await messages.next();
  await eventually('the command is ended', () => running.size === 0);
  await assert.rejects(
    async () => {
      while ((await messages.next()).done !== true) {}
    },
    (error: never) => {
      assert.equal((error as { code: number }).code, status.RESOURCE_EXHAUSTED);
      assert.equal(reasonOf(error), 'ClientStalled');
      return true;
    },
  );
});

test('a watch whose client stands still reads no more of the log, and loses no line when it goes on', async (t) => {
  let pulled = 0;
  const chatty = (driver: ComputeDriver): ComputeDriver => ({
    ...driver,
    access: {
      ...(driver.access as NonNullable<ComputeDriver['access']>),
      async *logs(_, { follow, signal }) {
        for (; follow && !signal.aborted; await turn()) {
          const message = `${pulled++} ${'x'.repeat(4_000)}`;
          yield { timeMs: Date.now(), stream: 'stdout' as const, message };
        }
      },
    },
  });
  const { gateway, id } = await start(t, {}, chatty);
  const client = createRpcClient(gateway.address, {
    windowBytes: 65_536,
  });
  t.after(() => client.close());
  const leave = new AbortController();
  const watched = { id, followLogs: true, followStatus: true, logSources: ['sandbox'] };
  const messages = client
    .serverStream(api.watchSandbox, watched, { signal: leave.signal })
    [Symbol.asyncIterator]();
  await messages.next();
  await eventually('the log is held back', async () => {
    const before = pulled;
    await sleep(700);
    return before > 0 && pulled === before;
  });
  const held = pulled;
  assert(held < 1_000, `${held} lines were read ahead`);
  let expected: number | undefined;
  while (expected === undefined || expected < held + 500) {
    const { value } = await messages.next();
    assert.equal(value.payload.case, 'log');
    const number = Number(value.payload.value.message.split(' ')[0]);
    assert.equal(number, expected ?? number);
    expected = number + 1;
  }
  leave.abort();
});
