import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { CallFailure } from '../../dist/rpc/call-failure.js';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import type { RpcClient } from '../../dist/rpc/client/contract.js';
import { rawServiceDefinition } from '../../dist/rpc/server/definition.js';
import { methods } from '../../dist/wire/v00/index.js';

const FRAMES = 200;
function output(data: Uint8Array) {
  return methods.execSandbox.encodeResponse({ payload: { case: 'stdout', value: { data } } });
}

let server: Server;
let client: RpcClient;
let cancelled: Promise<void>;

before(async () => {
  let markCancelled = () => {};
  cancelled = new Promise((resolve) => {
    markCancelled = resolve;
  });
  server = new Server();
  server.addService(
    rawServiceDefinition([
      methods.getSandbox,
      methods.health,
      methods.execSandbox,
      methods.watchSandbox,
      methods.execSandboxInteractive,
    ]),
    {
      GetSandbox(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
        const { name } = methods.getSandbox.decodeRequest(call.request);
        if (name === '') {
          answer({ code: status.NOT_FOUND, details: 'no such sandbox' });
        } else {
          answer(null, methods.getSandbox.encodeResponse({ sandbox: { metadata: { name } } }));
        }
      },
      Health() {},
      ExecSandbox(call: ServerWritableStream<Buffer, Buffer>) {
        for (let frame = 0; frame < FRAMES; frame++) {
          call.write(output(Buffer.alloc(1000, frame)));
        }
        call.write(methods.execSandbox.encodeResponse({ payload: { case: 'exit', value: { exitCode: 7 } } }));
        call.end();
      },
      WatchSandbox(call: ServerWritableStream<Buffer, Buffer>) {
        call.on('cancelled', markCancelled);
        call.write(methods.watchSandbox.encodeResponse({ payload: { case: 'warning', value: {} } }));
      },
      ExecSandboxInteractive(call: ServerDuplexStream<Buffer, Buffer>) {
        call.on('data', (bytes: Buffer) => {
          const { payload } = methods.execSandboxInteractive.decodeRequest(bytes);
          if (payload.case === 'stdin') {
            call.write(output(payload.value));
          }
        });
        call.on('end', () => call.end());
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  client = createRpcClient(`127.0.0.1:${port}`);
  await client.waitForReady(10_000);
});

after(() => {
  client.close();
  server.forceShutdown();
});

function failsWith(code: status) {
  return (error: CallFailure) => error.code === code;
}

test('a unary call gives the answer or the status', async () => {
  const response = await client.unary(methods.getSandbox, { name: 'box' });
  assert.equal(response.sandbox?.metadata?.name, 'box');
  await assert.rejects(client.unary(methods.getSandbox, {}), failsWith(status.NOT_FOUND));
});

test('a unary call ends at its deadline and when it is aborted', async () => {
  await assert.rejects(
    client.unary(methods.health, {}, { timeoutMs: 20 }),
    failsWith(status.DEADLINE_EXCEEDED),
  );
  const pending = client.unary(methods.health, {}, { signal: AbortSignal.timeout(20) });
  await assert.rejects(pending, failsWith(status.CANCELLED));
  const before = client.unary(methods.health, {}, { signal: AbortSignal.abort() });
  await assert.rejects(before, failsWith(status.CANCELLED));
});

test('a server stream gives every message in order', async () => {
  let frames = 0;
  let exitCode: number | undefined;
  for await (const { payload } of client.serverStream(methods.execSandbox, {})) {
    if (payload.case === 'stdout') {
      assert.equal(payload.value.data[0], frames++ % 256);
    } else if (payload.case === 'exit') {
      exitCode = payload.value.exitCode;
    }
  }
  assert.equal(frames, FRAMES);
  assert.equal(exitCode, 7);
});

test('leaving a server stream early cancels the call', async () => {
  for await (const { payload } of client.serverStream(methods.watchSandbox, {})) {
    assert.equal(payload.case, 'warning');
    break;
  }
  await cancelled;
});

test('a stream fails with its status when it is aborted or late', async () => {
  const read = async (options: { signal?: AbortSignal; timeoutMs?: number }) => {
    for await (const _ of client.serverStream(methods.watchSandbox, {}, options)) {
    }
  };
  await assert.rejects(read({ signal: AbortSignal.timeout(20) }), failsWith(status.CANCELLED));
  await assert.rejects(read({ timeoutMs: 20 }), failsWith(status.DEADLINE_EXCEEDED));
});

test('a duplex call carries both directions and half-closes', async () => {
  const call = client.duplex(methods.execSandboxInteractive);
  const total = 300;
  const sending = (async () => {
    for (let index = 0; index < total; index++) {
      await call.send({ payload: { case: 'stdin', value: Buffer.alloc(10_000, index) } });
    }
    call.end();
  })();
  let received = 0;
  for await (const { payload } of call.responses) {
    assert(payload.case === 'stdout');
    received += payload.value.data.length;
  }
  await sending;
  assert.equal(received, total * 10_000);
});

test('sending on a call that is over does not hang', async () => {
  const call = client.duplex(methods.execSandboxInteractive);
  call.cancel();
  await assert.rejects(async () => {
    for await (const _ of call.responses) {
    }
  }, failsWith(status.CANCELLED));
  for (let index = 0; index < 100; index++) {
    await call.send({ payload: { case: 'stdin', value: Buffer.alloc(100_000) } });
  }
});
