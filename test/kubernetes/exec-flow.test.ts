import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { silentLogger } from '../../dist/compute/log.js';
import { startExec } from '../../dist/drivers/kubernetes/exec.js';
import type { Rest } from '../../dist/drivers/kubernetes/rest.js';
import { anExec } from '../conformance/run.js';

const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const frame = (channel: number, data: Buffer) => Buffer.concat([Buffer.from([channel]), data]);
const spec = anExec(['flood']);

test("output that overtakes the shell's word does not hold it up", { timeout: 20_000 }, async () => {
  const flood = Buffer.alloc(2 * 1024 * 1024, 'x');
  const server = http.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'v5.channel.k8s.io' });
  sockets.on('connection', (socket, request) => {
    const execId = new URL(request.url ?? '', 'http://x').searchParams.getAll('command')[4];
    for (let at = 0; at < flood.length; at += 32_768)
      socket.send(frame(STDOUT, flood.subarray(at, at + 32_768)));
    socket.send(frame(STDERR, Buffer.from(`\x1e${execId}:ok\x1e`)));
    socket.send(frame(STATUS, Buffer.from('{"status":"Success"}')), () => socket.close());
  });
  const { port } = server.address() as AddressInfo;
  const rest = {
    server: new URL(`http://127.0.0.1:${port}`),
    access: async () => ({ agent: undefined, headers: {} }),
  } as unknown as Rest;
  try {
    const session = await startExec({
      rest,
      place: { namespace: 'n', name: 'p' },
      spec,
      workspacePath: '/sandbox',
      signal: AbortSignal.timeout(10_000),
      timeoutMs: 5_000,
      log: silentLogger,
    });
    let length = 0;
    for await (const { data } of session.output) length += data.length;
    assert.equal(length, flood.length);
    assert.equal(await session.exitCode, 0);
  } finally {
    sockets.close();
    server.closeAllConnections();
    server.close();
  }
});
