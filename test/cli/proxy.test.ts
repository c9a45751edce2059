import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { fullClientReason } from '../../dist/rpc/unary/full-client-reason.js';
import { listen } from '../support/listen.js';
import { gatewayForTest } from './support/gateway-for-test.js';

/** An HTTP proxy on loopback; what it was asked to connect to. */
async function startProxy(t: TestContext) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer();
  proxy.on('connect', (request, socket: Socket, head: Buffer) => {
    asked.push(request.url ?? '');
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on('error', () => {});
    }
  });
  t.after(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    proxy.close();
  });
  return { url: `http://127.0.0.1:${await listen(proxy)}`, asked };
}

test('a call goes through the proxy of the environment, unless the gateway is among its exceptions', async (t) => {
  const gateway = await gatewayForTest(t, {
    health: () => ({ version: '1.2.3' }),
    listSandboxes: () => ({}),
  });
  const proxy = await startProxy(t);
  for (const variable of ['grpc_proxy', 'https_proxy', 'http_proxy']) {
    proxy.asked.splice(0);
    const { code, stderr } = await gateway.run(['status'], { env: { [variable]: proxy.url } });
    assert.deepEqual([code, stderr, proxy.asked], [0, '', [gateway.address]], variable);
  }
  proxy.asked.splice(0);
  for (const exception of [{ no_proxy: 'example.org,127.0.0.1' }, { no_grpc_proxy: '127.0.0.0/8' }]) {
    const { code } = await gateway.run(['sandbox', 'list'], {
      env: { https_proxy: proxy.url, ...exception },
    });
    assert.deepEqual([code, proxy.asked], [0, []]);
  }
});

test('what only the full client honours has it make the call', () => {
  const reason = (env: NodeJS.ProcessEnv, target = 'h.example.org:1', tls?: { ca?: Buffer }) =>
    fullClientReason(target, tls, env);
  assert.equal(reason({}), undefined);
  assert.equal(reason({ https_proxy: 'http://p' }), 'https_proxy');
  assert.equal(reason({ https_proxy: '' }), undefined);
  assert.equal(reason({ HTTPS_PROXY: 'http://p' }), undefined);
  assert.equal(reason({ http_proxy: 'http://p', no_proxy: 'x,.example.org' }), undefined);
  assert.equal(reason({ http_proxy: 'http://p', no_proxy: '10.0.0.0/8' }, '10.1.2.3:1'), 'http_proxy');
  assert.equal(reason({ http_proxy: 'http://p', no_proxy: '::1' }, '[::1]:1'), undefined);
  assert.equal(reason({ http_proxy: 'http://p', no_proxy: 'x', no_grpc_proxy: 'h.example.org' }), undefined);
  assert.equal(reason({ http_proxy: 'http://p' }, 'unix:/run/x.sock'), undefined);
  const roots = { GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: '/etc/ssl/cert.pem' };
  assert.equal(reason(roots), undefined);
  assert.equal(reason(roots, 'h:1', { ca: Buffer.from('x') }), undefined);
  assert.equal(reason(roots, 'h:1', {}), 'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH');
  assert.equal(reason({ GRPC_SSL_CIPHER_SUITES: 'X' }), undefined);
  assert.equal(reason({ GRPC_SSL_CIPHER_SUITES: 'X' }, 'h:1', {}), 'GRPC_SSL_CIPHER_SUITES');
  assert.equal(reason({ GRPC_TRACE: 'all' }), 'GRPC_TRACE');
});
