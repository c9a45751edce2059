import assert from 'node:assert/strict';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { createTransport, type Transport } from '../../dist/drivers/podman/api/transport.js';
import { tempFolder } from '../support/folder.js';

describe('calls to the service', () => {
  const { path: folder, remove } = tempFolder();
  let server: http.Server;
  let transport: Transport;
  const seen: string[] = [];
  const connections = new Set<import('node:net').Socket>();
  const never = new AbortController().signal;

  before(async () => {
    const socketPath = join(folder, 'podman.sock');
    server = http.createServer((request, reply) => {
      seen.push(`${request.method} ${request.url}`);
      if (request.url?.endsWith('/hang')) {
        return;
      }
      if (request.url?.endsWith('/drop')) {
        return void request.socket.destroy();
      }
      if (request.url?.endsWith('/lines')) {
        reply.writeHead(200).write('{"a":1}\n');
        return;
      }
      const [, status = '200', text = 'fine'] = /\/say\/(\d+)\/(.*)$/.exec(request.url ?? '') ?? [];
      reply.writeHead(Number(status)).end(decodeURIComponent(text));
    });
    server.on('connection', (socket) => connections.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    transport = createTransport({ socketPath, prefix: '/v4.3.1' });
  });
  after(async () => {
    transport.close();
    for (const socket of connections) {
      socket.destroy();
    }
    server.close();
    remove();
  });

  const say = (status: number, text: string) =>
    transport.send({ method: 'GET', path: `/say/${status}/${encodeURIComponent(text)}`, signal: never });

  test('the version stands before the path, the query behind it', async () => {
    const query = { all: true, name: 'a b', none: undefined };
    const reply = await transport.send({ method: 'GET', path: '/x', query, signal: never });
    assert.deepEqual([reply.status, reply.text], [200, 'fine']);
    assert.equal(seen.at(-1), 'GET /v4.3.1/x?all=true&name=a+b');
  });

  test('an unchanged state is no failure', async () => {
    assert.equal((await say(304, '')).status, 304);
  });

  test('refusals by what they say, else by their status', async () => {
    const said = (message: string) => JSON.stringify({ message, cause: 'c', response: 500 });
    const expected: [number, string, Code, string | undefined][] = [
      [500, said('x: image not known'), Code.NOT_FOUND, 'ImageNotFound'],
      [500, said('no such container'), Code.NOT_FOUND, undefined],
      [500, said('the container name "a" is already in use by b'), Code.ALREADY_EXISTS, 'NameInUse'],
      [500, said('a: secret name in use'), Code.INTERNAL, undefined],
      [500, said('unresolvable CDI devices nvidia.com/gpu=all'), Code.FAILED_PRECONDITION, 'DeviceNotFound'],
      [500, said('could not find enough available IDs'), Code.FAILED_PRECONDITION, 'UserNamespaceIdsMissing'],
      [400, said('bad'), Code.INVALID_ARGUMENT, undefined],
      [404, 'no JSON', Code.NOT_FOUND, undefined],
      [403, '', Code.PERMISSION_DENIED, undefined],
      [502, '', Code.INTERNAL, undefined],
    ];
    for (const [status, body, code, reason] of expected) {
      await assert.rejects(say(status, body), (error: { code: Code; reason?: string; message: string }) => {
        assert.deepEqual([error.code, error.reason], [code, reason], body);
        assert.match(error.message, /^Podman: /);
        return true;
      });
    }
  });

  test('a service that does not answer is waited for no longer than the deadline', async () => {
    const call = { method: 'GET', path: '/hang', signal: never, timeoutMs: 30 } as const;
    await assert.rejects(transport.send(call), { code: Code.DEADLINE_EXCEEDED });
    await assert.rejects(transport.stream(call), { code: Code.DEADLINE_EXCEEDED });
    await assert.rejects(transport.upgrade({ ...call, method: 'POST' }), { code: Code.DEADLINE_EXCEEDED });
  });

  test('the deadline of a stream ends with its head', async () => {
    const cancel = new AbortController();
    const call = { method: 'GET', path: '/lines', signal: cancel.signal, timeoutMs: 200 } as const;
    const reply = await transport.stream(call);
    const first = await new Promise((resolve) => reply.once('data', resolve));
    assert.equal(String(first), '{"a":1}\n');
    assert.equal(reply.destroyed, false);
    const closed = new Promise((resolve) => reply.once('error', resolve));
    cancel.abort();
    await closed;
  });

  test('a caller who goes away', async () => {
    const gone = AbortSignal.abort();
    for (const call of [transport.send, transport.stream, transport.upgrade]) {
      await assert.rejects(call({ method: 'POST', path: '/x', signal: gone }), { code: Code.CANCELLED });
    }
  });

  test('a connection that breaks', async () => {
    const dropped = transport.send({ method: 'POST', path: '/drop', signal: never });
    await assert.rejects(dropped, { code: Code.UNAVAILABLE, reason: 'EngineUnavailable' });
  });

  test('a read on a connection that was closed while idle is sent again, once', async () => {
    await say(200, 'first');
    const before = seen.length;
    const dropped = transport.send({ method: 'GET', path: '/drop', signal: never });
    await assert.rejects(dropped, { code: Code.UNAVAILABLE });
    assert.equal(seen.length - before, 2);
  });

  test('a takeover that the service refuses', async () => {
    const call = { method: 'POST', path: '/say/409/no', signal: never } as const;
    await assert.rejects(transport.upgrade(call), { code: Code.FAILED_PRECONDITION, message: 'Podman: no' });
  });

  test('nobody there', async () => {
    const nobody = createTransport({ socketPath: join(folder, 'absent.sock'), prefix: '' });
    await assert.rejects(nobody.send({ method: 'GET', path: '/x', signal: never }), {
      code: Code.UNAVAILABLE,
      message: /absent\.sock does not answer \(ENOENT\)/,
      hint: /podman system service/,
    });
  });
});
