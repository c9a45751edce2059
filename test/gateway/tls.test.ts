import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { OpenShellError } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import { exitCodeOf } from '../../dist/gateway/program/exit-codes.js';
import { loadCredentials } from '../../dist/gateway/tls.js';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import { methods as api } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { startTestGateway, type TestGateway, tempFolder } from '../support/gateway.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let running: TestGateway;
function file(name: string) {
  return join(folder.path, name);
}

function pem(name: string) {
  return readFileSync(file(name));
}

function openssl(...args: string[]) {
  return execFileSync('openssl', args, { cwd: folder.path, stdio: 'pipe' });
}

function issue(name: string, subject: string, ca: string, extra: string[] = []) {
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    subject,
  );
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${ca}.crt`,
    '-CAkey',
    `${ca}.key`,
    '-CAcreateserial',
    '-out',
    `${name}.crt`,
    '-days',
    '2',
    ...extra,
  );
}

function authority(name: string) {
  return openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
  );
}

before(async () => {
  folder = await tempFolder();
  authority('ca');
  authority('other-ca');
  execFileSync('sh', ['-c', 'echo subjectAltName=IP:127.0.0.1 > san.cnf'], { cwd: folder.path });
  issue('server', '/CN=server', 'ca', ['-extfile', 'san.cnf']);
  issue('client', '/CN=alice/OU=openshell-user', 'ca');
  issue('stranger', '/CN=mallory', 'other-ca');
  running = await startTestGateway(folder.path, [createFakeEngine().entry()], {
    tls: { certPath: file('server.crt'), keyPath: file('server.key'), clientCaPath: file('ca.crt') },
    auth: { mutualTls: true, allowUnauthenticated: false },
  });
});
after(async () => {
  await running.close();
  await folder.remove();
});

function connect(name?: string) {
  return createRpcClient(running.gateway.address, {
    tls: { ca: pem('ca.crt'), ...(name && { key: pem(`${name}.key`), cert: pem(`${name}.crt`) }) },
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
  ['a file that holds no key', ['server.crt', 'san.cnf', undefined], /are not a certificate and its key/],
  [
    'a client CA that is none',
    ['server.crt', 'server.key', 'san.cnf'],
    /client_ca_path.*san\.cnf' is not a cert/,
  ],
  [
    'a file that is not there',
    ['none.crt', 'server.key', undefined],
    /cert_path: .*none\.crt' cannot be read/,
  ],
] as const) {
  test(`${what} is an error of the configuration, not of the listener`, async () => {
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
  const second = await tempFolder();
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
    await second.remove();
  }
});
