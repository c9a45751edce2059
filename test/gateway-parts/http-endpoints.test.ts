import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { unavailable } from '../../dist/compute/errors.js';
import {
  createHealthServer,
  createMetricsServer,
  type HealthServerOptions,
} from '../../dist/gateway/observe/http-endpoints.js';

async function startHealth(t: TestContext, options: Partial<HealthServerOptions> = {}) {
  const server = await createHealthServer({
    address: '127.0.0.1:0',
    version: '1.2.3',
    checks: { database: async () => {} },
    drivers: () => [{ name: 'docker', state: 'ready', reason: '' }],
    strays: () => [],
    ...options,
  });
  t.after(() => server.close());
  return (path: string, init?: RequestInit) => fetch(`http://${server.address}${path}`, init);
}

test('a gateway that can work: /readyz and /health say so, with every check and driver', async (t) => {
  const get = await startHealth(t);
  for (const path of ['/readyz', '/health', '/health?verbose']) {
    const response = await get(path);
    const body = (await response.json()) as { checks: { database: { latency_ms: number } } };
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/json');
    assert.equal(typeof body.checks.database.latency_ms, 'number');
    assert.deepEqual(body, {
      status: 'healthy',
      version: '1.2.3',
      checks: { database: { status: 'healthy', latency_ms: body.checks.database.latency_ms } },
      drivers: { docker: { state: 'ready' } },
    });
  }
});

test('a failing check, or no driver that is ready: 503 with the reason, and /healthz still 200', async (t) => {
  const get = await startHealth(t, {
    checks: { database: () => Promise.reject(unavailable('database unavailable')) },
    drivers: () => [{ name: 'vm', state: 'failed', reason: 'no qemu' }],
  });
  const response = await get('/readyz');
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), {
    status: 'unhealthy',
    version: '1.2.3',
    checks: { database: { status: 'unhealthy', error: 'database unavailable' } },
    drivers: { vm: { state: 'failed', reason: 'no qemu' } },
  });
  assert.equal((await get('/healthz')).status, 200);
  const noDriver = await startHealth(t, { drivers: () => [] });
  assert.equal((await noDriver('/readyz')).status, 503);
});

test('a check that hangs is unhealthy after its time', async (t) => {
  const get = await startHealth(t, { checks: { database: () => new Promise(() => {}) } });
  const response = await get('/readyz');
  assert.equal(response.status, 503);
  const { checks } = (await response.json()) as { checks: { database: { error: string } } };
  assert.equal(checks.database.error, 'no answer within 2000 ms');
});

test('other paths and methods are refused, HEAD has no body', async (t) => {
  const get = await startHealth(t, { strays: () => [{ name: 'left' }] });
  assert.equal((await get('/')).status, 404);
  assert.equal((await get('/healthz', { method: 'POST', body: 'x' })).status, 405);
  const head = await get('/healthz', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
  assert.deepEqual(await (await get('/strays')).json(), { strays: [{ name: 'left' }] });
});

test('strays are named to this machine alone, while probes come from elsewhere', async (t) => {
  const server = await createHealthServer({
    address: '127.0.0.1:0',
    version: '1.2.3',
    checks: {},
    drivers: () => [],
    strays: () => [{ name: 'left' }],
  });
  t.after(() => server.close());
  const [, port] = server.address.split(':');
  // The connection has another address at its far end, as one from outside has.
  const get = async (path: string, localAddress: string) => {
    const [response] = (await once(
      request({ host: '127.0.0.1', port, path, localAddress, agent: false }).end(),
      'response',
    )) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  assert.equal(await get('/strays', '127.0.0.1'), 200);
  assert.equal(await get('/strays', '127.0.0.2'), 403);
  assert.equal(await get('/healthz', '127.0.0.2'), 200);
});

test('metrics: the text format, and 500 when they cannot be made', async (t) => {
  let render = async () => 'up 1\n';
  const server = await createMetricsServer({ address: '[::1]:0', render: () => render() });
  t.after(() => server.close());
  const get = (path: string) => fetch(`http://${server.address}${path}`);
  const response = await get('/metrics');
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4');
  assert.equal(await response.text(), 'up 1\n');
  assert.equal((await get('/healthz')).status, 404);
  render = () => Promise.reject(new Error('x'));
  assert.equal((await get('/metrics')).status, 500);
});

test('an address that is taken is an error; a closed endpoint lets its clients go', async (t) => {
  const server = await createHealthServer({
    address: '127.0.0.1:0',
    version: '1',
    checks: {},
    drivers: () => [],
    strays: () => [],
  });
  await assert.rejects(createMetricsServer({ address: server.address, render: async () => '' }), {
    code: 'EADDRINUSE',
  });
  const client = connect(Number(server.address.split(':')[1]), '127.0.0.1');
  t.after(() => client.destroy());
  await once(client, 'connect');
  client.write('GET /healthz HTTP/1.1\r\n');
  client.on('error', () => {});
  const gone = new Promise((resolve) => client.once('close', resolve));
  await server.close();
  await gone;
});

test('a header that is too long is refused', async (t) => {
  const get = await startHealth(t);
  assert.equal((await get('/healthz', { headers: { 'x-long': 'x'.repeat(9000) } })).status, 431);
});

function statusFor(address: string, host: string) {
  return new Promise<number | undefined>((resolve, reject) => {
    const [, port] = /:(\d+)$/.exec(address) ?? [];
    const asked = request({ host: '127.0.0.1', port, path: '/strays', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject).end();
  });
}

for (const [address, served, refused] of [
  [
    '127.0.0.1:0',
    ['127.0.0.1', '127.0.0.1:8081', 'localhost:1', '[::1]:8081', 'LOCALHOST', 'gateway.internal:9'],
    [
      'attacker.example',
      'attacker.example:8081',
      '10.0.0.1:8081',
      '127.0.0.1.attacker.example',
      'localhost.',
    ],
  ],
  [
    '0.0.0.0:0',
    ['10.0.0.1:8081', '127.0.0.1', '[2001:db8::1]:1', 'Gateway.internal'],
    ['attacker.example', 'localhost', '10.0.0.1.attacker.example', 'internal'],
  ],
] as const) {
  test(`${address} answers to addresses and to names that were given, not to a page's own name`, async (t) => {
    const options = { version: '1', checks: {}, drivers: () => [], strays: () => [{ name: 'secret' }] };
    const allowedHosts = ['gateway.internal'];
    const server = await createHealthServer({ address, ...options, allowedHosts });
    t.after(() => server.close());
    for (const host of served) {
      assert.equal(await statusFor(server.address, host), 200, host);
    }
    for (const host of refused) {
      assert.equal(await statusFor(server.address, host), 421, host);
    }
    const metrics = await createMetricsServer({ address, render: async () => 'up 1\n' });
    t.after(() => metrics.close());
    assert.equal(await statusFor(metrics.address, 'attacker.example'), 421);
  });
}
