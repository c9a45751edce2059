import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import { startFakeGateway } from './support/fake-gateway.js';
import { type RunResult, runCli } from './support/run.js';

const skip = spawnSync('openssl', ['version']).status !== 0 && 'no openssl here';
const folder = mkdtempSync(join(tmpdir(), 'openshell-tls-'));
after(() => rmSync(folder, { recursive: true }));

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
}

function issue(name: string, commonName: string, extension: string): void {
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-CA', 'ca.crt', '-CAkey', 'ca.key', '-subj', `/CN=${commonName}`, '-addext', extension],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', `${name}.key`, '-out', `${name}.crt`],
  );
}

function pem(name: string): Buffer {
  return readFileSync(join(folder, name));
}

test('TLS: the gateway is verified, and our certificate tells it who we are', { skip }, async (t) => {
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=test-ca', '-keyout', 'ca.key', '-out', 'ca.crt'],
  );
  issue('server', 'gateway', 'subjectAltName=IP:127.0.0.1');
  issue('client', 'ada', 'extendedKeyUsage=clientAuth');
  const gateway = await startFakeGateway(
    { getCurrentUser: () => ({ subject: 'ada', identityProvider: 'mtls' }) },
    ServerCredentials.createSsl(
      pem('ca.crt'),
      [{ private_key: pem('server.key'), cert_chain: pem('server.crt') }],
      true,
    ),
  );
  t.after(() => gateway.close());
  const whoami = (...flags: string[]): Promise<RunResult> =>
    runCli(['whoami', '--gateway-endpoint', `https://${gateway.address}`, ...flags]);
  const own = ['--gateway-cert', join(folder, 'client.crt'), '--gateway-key', join(folder, 'client.key')];

  const known = await whoami('--gateway-ca', join(folder, 'ca.crt'), ...own);
  assert.deepEqual([known.stderr, known.code], ['', 0]);
  assert.equal((await whoami('--gateway-insecure', ...own)).code, 0);

  const unverified = await whoami(...own);
  assert.equal(unverified.code, 1);
  assert.match(unverified.stderr, /^error: no TLS connection to https:.*check --gateway-ca/);
  const anonymous = await whoami('--gateway-ca', join(folder, 'ca.crt'));
  assert.equal(anonymous.code, 1);
  const unreadable = await whoami('--gateway-ca', join(folder, 'none.crt'), ...own);
  assert.match(unreadable.stderr, /^error: cannot read .*none\.crt: there is no such file/);
});

test('TLS against a plaintext gateway says so', async (t) => {
  const gateway = await startFakeGateway({});
  t.after(() => gateway.close());
  const { code, stderr } = await runCli(['status', '--gateway-endpoint', `https://${gateway.address}`]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: no TLS connection to/);
});

test('plaintext against a gateway with TLS says what the endpoint wants', { skip }, async (t) => {
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=alone', '-keyout', 'alone.key', '-out', 'alone.crt'],
  );
  const gateway = await startFakeGateway(
    {},
    ServerCredentials.createSsl(null, [{ private_key: pem('alone.key'), cert_chain: pem('alone.crt') }]),
  );
  t.after(() => gateway.close());
  const { code, stderr } = await runCli(['whoami', '--gateway-endpoint', `http://${gateway.address}`]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: the connection to http:\S+ failed \(a gateway with TLS needs an https:/);
});
