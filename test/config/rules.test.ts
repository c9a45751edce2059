import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHome } from './support.js';

const { load, problems, tomlProblems } = createHome();

const TLS = '[openshell.gateway.tls]\ncert_path = "/c"\nkey_path = "/k"\n';
const OPEN = '[openshell.gateway.auth]\nallow_unauthenticated_users = true\n';
function outside(more: string): string {
  return `[openshell.gateway]\nbind_address = "0.0.0.0"\n${more}`;
}

const NO_USERS =
  '~/gateway.toml:2: openshell.gateway.bind_address: 0.0.0.0 can be reached from other machines and clients need no certificate; set openshell.gateway.tls.client_ca_path, or allow everyone with openshell.gateway.auth.allow_unauthenticated_users = true';
const NO_TLS =
  '~/gateway.toml:2: openshell.gateway.bind_address: 0.0.0.0 can be reached from other machines without encryption; set openshell.gateway.tls.cert_path and openshell.gateway.tls.key_path, or allow plaintext with openshell.gateway.disable_tls = true';

test('an address beyond loopback has to be meant', async () => {
  assert.deepEqual(await tomlProblems(outside('')), [NO_USERS, NO_TLS]);
  assert.deepEqual(await tomlProblems(outside('disable_tls = true\n')), [NO_USERS]);
  assert.deepEqual(await tomlProblems(outside(OPEN)), [NO_TLS]);
  assert.deepEqual(await tomlProblems(outside(TLS)), [NO_USERS]);
  assert.deepEqual(await tomlProblems(outside(`disable_tls = true\n${OPEN}`)), []);
  assert.deepEqual(await tomlProblems(outside(`${TLS}${OPEN}`)), []);
  assert.deepEqual(await tomlProblems(outside(`${TLS}client_ca_path = "/a"\n`)), []);
});

test('a client CA that TLS is not there for protects nothing', async () => {
  const text = outside(`disable_tls = true\n${TLS}client_ca_path = "/a"\n`);
  assert.deepEqual(await tomlProblems(text), [NO_USERS]);
});

test('every loopback address is free of the rule, and no other', async () => {
  const count = async (host: string) => (await problems({ argv: ['--bind-address', host] })).length;
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '[::1]:5']) {
    assert.equal(await count(host), 0, host);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'fe80::1%eth0', '::ffff:10.0.0.1']) {
    assert.equal(await count(host), 2, host);
  }
});

test('health and metrics may stand beyond loopback', async () => {
  const files = { 'gateway.toml': '[openshell.gateway]\nhealth_bind_address = "0.0.0.0:8081"\n' };
  const { config } = await load({ files });
  assert.deepEqual(config.healthBindAddress, { host: '0.0.0.0', port: 8081 });
});

test('the certificate and its key come together', async () => {
  const only = (key: string) => tomlProblems(`[openshell.gateway.tls]\n${key} = "/x"\n`);
  assert.deepEqual(await only('cert_path'), [
    '~/gateway.toml:2: openshell.gateway.tls.cert_path: requires openshell.gateway.tls.key_path',
  ]);
  assert.deepEqual(await only('key_path'), [
    '~/gateway.toml:2: openshell.gateway.tls.key_path: requires openshell.gateway.tls.cert_path',
  ]);
  assert.deepEqual(await only('client_ca_path'), [
    '~/gateway.toml:2: openshell.gateway.tls.client_ca_path: requires openshell.gateway.tls.cert_path and openshell.gateway.tls.key_path',
  ]);
});

test('client certificates are required when there is a client CA, and only then', async () => {
  assert.deepEqual(await tomlProblems(`${TLS}client_ca_path = "/a"\nrequire_client_auth = false\n`), [
    '~/gateway.toml:5: openshell.gateway.tls.require_client_auth: is false, but openshell.gateway.tls.client_ca_path is set, which makes client certificates required; remove one of the two',
  ]);
  assert.deepEqual(await tomlProblems(`${TLS}require_client_auth = true\n`), [
    '~/gateway.toml:4: openshell.gateway.tls.require_client_auth: is true, but openshell.gateway.tls.client_ca_path is not set; set it',
  ]);
  assert.deepEqual(await tomlProblems(`${TLS}client_ca_path = "/a"\nrequire_client_auth = true\n`), []);
});

test('no two listeners share a port', async () => {
  assert.deepEqual(await problems({ argv: ['--health-port', '17670', '--metrics-port', '17670'] }), [
    '--health-port: openshell.gateway.health_bind_address: uses the same port 17670 as openshell.gateway.bind_address; use different ports',
    '--metrics-port: openshell.gateway.metrics_bind_address: uses the same port 17670 as openshell.gateway.bind_address; use different ports',
  ]);
  assert.deepEqual(await problems({ argv: ['--health-port', '1', '--metrics-port', '1'] }), [
    '--metrics-port: openshell.gateway.metrics_bind_address: uses the same port 1 as openshell.gateway.health_bind_address; use different ports',
  ]);
});

test('two places of one rank agree on a port', async () => {
  assert.deepEqual(await problems({ argv: ['--port', '1', '--bind-address', '127.0.0.1:2'] }), [
    '--port: openshell.gateway.bind_address: the port is 1 here, but 2 in --bind-address',
  ]);
  assert.deepEqual(await problems({ argv: ['--port', '2', '--bind-address', '127.0.0.1:2'] }), []);
});

test('a driver socket is for exactly one driver', async () => {
  const argv = ['--compute-driver-socket', '/run/d.sock'];
  assert.deepEqual(await problems({ argv }), [
    '--compute-driver-socket: requires exactly one compute driver, but none is configured; set --drivers <name> or OPENSHELL_DRIVERS=<name>',
  ]);
  assert.deepEqual(await problems({ argv, env: { OPENSHELL_DRIVERS: 'a,b' } }), [
    '--compute-driver-socket: requires exactly one compute driver, but 2 are configured; set --drivers <name> or OPENSHELL_DRIVERS=<name>',
  ]);
  const { config } = await load({ argv: [...argv, '--drivers', 'constructor'] });
  assert.deepEqual(config.drivers.get('constructor'), { settings: {}, socketPath: '/run/d.sock' });
});

test('revocations need the CA of the clients beside them', async () => {
  const tls = (more: string) => ({
    'gateway.toml': `[openshell.gateway.tls]\ncert_path = "/c"\nkey_path = "/k"\nclient_crl_path = "/r"\n${more}`,
  });
  await assert.rejects(load({ files: tls('') }), { message: /client_crl_path.* requires .*client_ca_path/ });
  const { config } = await load({ files: tls('client_ca_path = "/a"\n') });
  assert.equal(config.tls?.clientCrlPath, '/r');
});
