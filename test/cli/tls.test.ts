import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import { createCertificates, withoutOpenssl } from '../support/certificates.js';
import { tempFolder } from '../support/folder.js';
import { startFakeGateway } from './support/fake-gateway.js';
import { type RunResult, runCli } from './support/run.js';

const { path: folder, remove } = tempFolder();
after(remove);

test('TLS: the gateway is verified, and our certificate tells it who we are', {
  skip: withoutOpenssl,
}, async (t) => {
  const { authority, issue, file } = createCertificates(folder);
  const ca = authority('ca');
  const server = issue('server', { extensions: ['subjectAltName=IP:127.0.0.1'] });
  issue('client', { subject: '/CN=ada', extensions: ['extendedKeyUsage=clientAuth'] });
  const gateway = await startFakeGateway(
    { getCurrentUser: () => ({ subject: 'ada', identityProvider: 'mtls' }) },
    ServerCredentials.createSsl(ca.cert, [{ private_key: server.key, cert_chain: server.cert }], true),
  );
  t.after(() => gateway.close());
  const whoami = (...flags: string[]): Promise<RunResult> =>
    runCli(['whoami', '--gateway-endpoint', `https://${gateway.address}`, ...flags]);
  const own = ['--gateway-cert', file('client.crt'), '--gateway-key', file('client.key')];

  const known = await whoami('--gateway-ca', file('ca.crt'), ...own);
  assert.deepEqual([known.stderr, known.code], ['', 0]);
  assert.equal((await whoami('--gateway-insecure', ...own)).code, 0);

  const unverified = await whoami(...own);
  assert.equal(unverified.code, 1);
  assert.match(unverified.stderr, /^error: no TLS connection to https:.*check --gateway-ca/);
  const anonymous = await whoami('--gateway-ca', file('ca.crt'));
  assert.equal(anonymous.code, 1);
  const unreadable = await whoami('--gateway-ca', file('none.crt'), ...own);
  assert.match(unreadable.stderr, /^error: cannot read .*none\.crt: there is no such file/);
});

test('TLS against a plaintext gateway says so', async (t) => {
  const gateway = await startFakeGateway({});
  t.after(() => gateway.close());
  const { code, stderr } = await runCli(['status', '--gateway-endpoint', `https://${gateway.address}`]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: no TLS connection to/);
});

test('plaintext against a gateway with TLS says what the endpoint wants', {
  skip: withoutOpenssl,
}, async (t) => {
  const { cert, key } = createCertificates(folder).authority('alone');
  const gateway = await startFakeGateway(
    {},
    ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }]),
  );
  t.after(() => gateway.close());
  const { code, stderr } = await runCli(['whoami', '--gateway-endpoint', `http://${gateway.address}`]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: the connection to http:\S+ failed \(a gateway with TLS needs an https:/);
});
