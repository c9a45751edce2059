import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { GLOBAL_OPTIONS } from '../../dist/cli/arguments/options.js';
import { type Endpoint, resolveEndpoint } from '../../dist/cli/connection/endpoint.js';
import { fromGrpc } from '../../dist/cli/connection/grpc-failure.js';
import { parseArguments } from '../../dist/kit/arguments/parse.js';
import { CallFailure } from '../../dist/rpc/call-failure.js';
import { tempFolder } from '../support/folder.js';

const { path: home, remove } = tempFolder();
after(remove);

function register(name: string, metadata: unknown, files: readonly string[] = []): void {
  const folder = join(home, 'openshell', 'gateways', name);
  mkdirSync(join(folder, 'mtls'), { recursive: true });
  writeFileSync(
    join(folder, 'metadata.json'),
    typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
  );
  for (const file of files) {
    writeFileSync(join(folder, 'mtls', file), '');
  }
}

register('near', { name: 'near', gateway_endpoint: 'http://127.0.0.1:1111', auth_mode: 'plaintext' });
register('far', { name: 'far', gateway_endpoint: 'https://far.example:2222' }, [
  'ca.crt',
  'tls.crt',
  'tls.key',
]);
register('login', { name: 'login', gateway_endpoint: 'https://x', auth_mode: 'oidc' });
register('broken', '{');
register('empty', {});

function resolve(flags: Record<string, string>, env: NodeJS.ProcessEnv = {}): Promise<Endpoint> {
  const words = Object.entries(flags).map(([name, value]) =>
    name === 'gateway-insecure' ? `--${name}` : `--${name}=${value}`,
  );
  return resolveEndpoint(parseArguments(words, GLOBAL_OPTIONS), { XDG_CONFIG_HOME: home, ...env });
}

test('a flag wins over the environment, that over the active gateway, that over the default', async () => {
  assert.equal((await resolve({})).target, '127.0.0.1:17670');
  writeFileSync(join(home, 'openshell', 'active_gateway'), 'near\n');
  assert.equal((await resolve({})).target, '127.0.0.1:1111');
  assert.equal((await resolve({}, { OPENSHELL_GATEWAY: 'far' })).target, 'far.example:2222');
  const env = { OPENSHELL_GATEWAY: 'far', OPENSHELL_GATEWAY_ENDPOINT: 'http://[::1]:3' };
  assert.equal((await resolve({}, env)).target, '[::1]:3');
  assert.equal((await resolve({ gateway: 'near' }, env)).target, '127.0.0.1:1111');
  assert.equal((await resolve({ 'gateway-endpoint': 'http://h' }, env)).target, 'h:80');
  assert.equal((await resolve({ 'gateway-endpoint': 'https://h' }, env)).target, 'h:443');
});

test('a registered gateway brings its certificates, each can be replaced', async () => {
  const { tls } = await resolve({ gateway: 'far' });
  const folder = join(home, 'openshell', 'gateways', 'far', 'mtls');
  assert.deepEqual(tls, {
    ca: join(folder, 'ca.crt'),
    cert: join(folder, 'tls.crt'),
    key: join(folder, 'tls.key'),
    verify: true,
  });
  const other = await resolve({ gateway: 'far', 'gateway-ca': '/a' }, { OPENSHELL_GATEWAY_KEY: '/k' });
  assert.deepEqual([other.tls?.ca, other.tls?.key], ['/a', '/k']);
  const moved = await resolve({ gateway: 'far', 'gateway-endpoint': 'https://127.0.0.1:5' });
  assert.deepEqual([moved.target, moved.tls?.ca], ['127.0.0.1:5', join(folder, 'ca.crt')]);
  assert.equal((await resolve({ 'gateway-endpoint': 'https://h' })).tls?.ca, undefined);
  const insecure = await resolve({ 'gateway-endpoint': 'https://h', 'gateway-insecure': '' });
  assert.equal(insecure.tls?.verify, false);
});

test('what cannot be used says why', async () => {
  await assert.rejects(resolve({ gateway: 'none' }), {
    hint: /gateways\/none\/metadata\.json in .*openshell and /,
  });
  await assert.rejects(resolve({ gateway: '../../etc' }), /no gateway '..\/..\/etc' is registered/);
  await assert.rejects(resolve({ gateway: 'login' }), /uses auth_mode 'oidc'/);
  await assert.rejects(resolve({ gateway: 'broken' }), /is not a JSON object/);
  await assert.rejects(resolve({ gateway: 'empty' }), /has no gateway_endpoint/);
  for (const url of ['127.0.0.1:17670', 'ftp://h', 'http://', '']) {
    await assert.rejects(resolve({ 'gateway-endpoint': url }), /the gateway's endpoint/);
  }
  await assert.rejects(resolve({ 'gateway-endpoint': 'http://h/path' }), { hint: 'write http://h' });
  await assert.rejects(resolve({ 'gateway-endpoint': 'https://h', 'gateway-cert': '/c' }), /belong together/);
});

test("a failed connection is told from the gateway's own UNAVAILABLE", async () => {
  const endpoint = await resolve({ 'gateway-endpoint': 'http://h:1' });
  const failure = (code: number, details: string) => fromGrpc(new CallFailure(code, details), endpoint);
  assert.match(
    failure(14, 'No connection established. Last error: Error: connect ECONNREFUSED').text,
    /no gateway is listening/,
  );
  assert.match(failure(14, 'Name resolution failed for target dns:h').text, /cannot be resolved/);
  assert.equal(failure(14, 'the docker engine does not answer').message, 'the docker engine does not answer');
  assert.equal(failure(9, 'sandbox is not ready').code, 9);
  assert.equal(failure(77, '').message, 'the gateway responded with status 77');
});
