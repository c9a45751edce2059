import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { OpenShellError } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import { exitCodeOf } from '../../dist/gateway/program/exit-codes.js';
import { loadCredentials } from '../../dist/gateway/tls.js';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import { methods as api } from '../../dist/wire/v00/index.js';
import { type Certificates, createCertificates } from '../support/certificates.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';

let folder: TempFolder;
let running: TestGateway;
let certificates: Certificates;

before(async () => {
  folder = tempFolder();
  certificates = createCertificates(folder.path);
  const { authority, issue, file } = certificates;
  authority('ca');
  authority('other-ca');
  issue('server', { extensions: ['subjectAltName=IP:127.0.0.1'] });
  issue('client', { subject: '/CN=alice/OU=openshell-user' });
  issue('stranger', { subject: '/CN=mallory', ca: 'other-ca' });
  running = await startTestGateway(folder.path, [createFakeEngine().entry()], {
    tls: { certPath: file('server.crt'), keyPath: file('server.key'), clientCaPath: file('ca.crt') },
    auth: { mutualTls: true, allowUnauthenticated: false },
  });
});
after(async () => {
  await running.close();
  folder.remove();
});

function connect(name?: string) {
  return createRpcClient(running.gateway.address, {
    tls: { ca: certificates.pem('ca.crt'), ...(name && certificates.pair(name)) },
  });
}

test('with a client CA the common name of the certificate is the user', async () => {
  const client = connect('client');
  try {
    const user = await client.unary(api.getCurrentUser, {});
    assert.equal(user.subject, 'alice');
    assert.equal(user.identityProvider, 'mtls');
  } finally {
    client.close();
  }
});

for (const [who, name] of [
  ['no certificate', undefined],
  ['a certificate of another CA', 'stranger'],
] as const) {
  test(`${who} does not get in, not even to Health`, async () => {
    const client = connect(name);
    try {
      await assert.rejects(client.unary(api.health, {}, { timeoutMs: 5000 }), { code: status.UNAVAILABLE });
    } finally {
      client.close();
    }
  });
}

test('a plaintext client does not get in', async () => {
  await assert.rejects(running.client.unary(api.health, {}, { timeoutMs: 5000 }), {
    code: status.UNAVAILABLE,
  });
});

for (const [what, files, message] of [
  [
    'a key of another certificate',
    ['server.crt', 'client.key', undefined],
    /server\.crt'.*client\.key' are no/,
  ],
  ['a file that holds no key', ['server.crt', 'ca.cnf', undefined], /are not a certificate and its key/],
  [
    'a client CA that is none',
    ['server.crt', 'server.key', 'ca.cnf'],
    /client_ca_path.*ca\.cnf' is not a cert/,
  ],
  [
    'a file that is not there',
    ['none.crt', 'server.key', undefined],
    /cert_path: .*none\.crt' cannot be read/,
  ],
] as const) {
  test(`${what} is an error of the configuration, not of the listener`, async () => {
    const { file } = certificates;
    const [cert, key, ca] = files;
    const paths = { certPath: file(cert), keyPath: file(key), clientCaPath: ca && file(ca) };
    await assert.rejects(loadCredentials(paths, silentLogger), (error: OpenShellError) => {
      assert.equal(exitCodeOf(error), 2);
      assert.match(error.message, message);
      return true;
    });
  });
}

test('a port that is taken is named with the reason, once', async () => {
  const second = tempFolder();
  const { address } = running.gateway;
  try {
    await assert.rejects(
      startTestGateway(second.path, [createFakeEngine().entry()], { bindAddress: address }),
      {
        reason: 'ListenFailed',
        message: `the gateway listener cannot use ${address}: listen EADDRINUSE: address already in use ${address}`,
      },
    );
  } finally {
    second.remove();
  }
});
