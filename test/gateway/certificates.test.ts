import assert from 'node:assert/strict';
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import { methods as api, rpcs as v00 } from '../../dist/wire/v00/index.js';
import { rpcs as v01 } from '../../dist/wire/v01/index.js';
import { type Certificates, createCertificates } from '../support/certificates.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { warningsInto } from '../support/logger.js';
import { times } from '../support/soak.js';
import { eventually } from '../support/wait.js';
import { make } from '../wire/hostile-calls.js';

let folder: TempFolder;
let running: TestGateway;
const warnings: string[] = [];
let certificates: Certificates;

function publishRevocations() {
  const { file, listRevoked } = certificates;
  listRevoked('next.crl');
  renameSync(file('next.crl'), file('ca.crl'));
}

function start() {
  const { file } = certificates;
  return startTestGateway(folder.path, [createFakeEngine().entry()], {
    tls: {
      certPath: file('tls.crt'),
      keyPath: file('tls.key'),
      clientCaPath: file('ca.crt'),
      clientCrlPath: file('ca.crl'),
      pollMs: 50,
    },
    auth: { mutualTls: true, allowUnauthenticated: false },
    log: warningsInto(warnings),
  });
}

function serve(name: string) {
  const { file } = certificates;
  for (const kind of ['crt', 'key']) {
    copyFileSync(file(`${name}.${kind}`), file(`next.${kind}`));
    renameSync(file(`next.${kind}`), file(`tls.${kind}`));
  }
}

before(async () => {
  folder = tempFolder();
  certificates = createCertificates(folder.path);
  const { authority, issue, revoke } = certificates;
  authority('ca');
  authority('foreign');
  const server = { extensions: ['extendedKeyUsage=serverAuth', 'subjectAltName=IP:127.0.0.1'] };
  const client = { extensions: ['extendedKeyUsage=clientAuth'] };
  const alice = { ...client, subject: '/CN=alice' };
  issue('server', server);
  issue('server2', server);
  issue('right', alice);
  issue('renewed', alice);
  issue('leaver', client);
  issue('stranger', { ...client, subject: '/CN=mallory', ca: 'foreign' });
  issue('expired', { ...alice, from: '20200101000000Z', to: '20200102000000Z' });
  issue('early', { ...alice, from: '20480101000000Z', to: '20490101000000Z' });
  issue('serveronly', { ...server, subject: '/CN=alice' });
  issue('nocn', { ...client, subject: '/O=alice' });
  issue('twocns', { ...client, subject: '/CN=alice/CN=root' });
  issue('revoked', alice);
  revoke('revoked');
  publishRevocations();
  serve('server');
  running = await start();
});
after(async () => {
  await running?.close();
  folder.remove();
});

function identity(name: string | undefined) {
  const ca = certificates.pem('ca.crt');
  if (name === undefined) {
    return credentials.createSsl(ca);
  }
  const { key, cert } = certificates.pair(name);
  return credentials.createSsl(ca, key, cert);
}

function connect(name: string | undefined) {
  return createRpcClient(running.gateway.address, {
    tls: { ca: certificates.pem('ca.crt'), ...(name && certificates.pair(name)) },
    ownConnection: true,
  });
}

const methods = [...new Map([...v00, ...v01].map((rpc) => [rpc.path, rpc])).values()];

for (const [what, name, outcome] of [
  ['no certificate', undefined, 'no connection'],
  ['one of a foreign CA', 'stranger', 'no connection'],
  ['one that has expired', 'expired', 'no connection'],
  ['one that is not valid yet', 'early', 'no connection'],
  ['one for servers only', 'serveronly', 'no connection'],
  ['one that was revoked', 'revoked', 'no connection'],
  ['one without a common name', 'nocn', 'no user'],
  ['one with two common names', 'twocns', 'no user'],
  ['the right one', 'right', 'in'],
  ['a renewed one', 'renewed', 'in'],
] as const) {
  test(`${what}: ${outcome}, whichever of ${methods.length} methods is called`, async () => {
    const client = new Client(running.gateway.address, identity(name), {
      'grpc.use_local_subchannel_pool': 1,
    });
    try {
      for (const method of methods) {
        const { code } = await make(client, { method, bytes: Buffer.alloc(0) }, new Metadata(), 20_000);
        const allowed = outcome === 'in' || (outcome === 'no user' && method.name === 'Health');
        if (allowed) {
          assert(code !== 14 && code !== 16, `${method.path}: ${code}`);
        } else {
          assert.equal(code, outcome === 'no user' ? 16 : 14, method.path);
        }
      }
    } finally {
      client.close();
    }
  });
}

async function whoami(name: string) {
  const client = connect(name);
  try {
    return (await client.unary(api.getCurrentUser, {}, { timeoutMs: 10_000 })).subject;
  } finally {
    client.close();
  }
}

async function served() {
  const { connect } = await import('node:tls');
  const [, port] = /:(\d+)$/.exec(running.gateway.address) ?? [];
  const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
  return new Promise<string>((resolve, reject) => {
    socket.on('error', reject);
    socket.once('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}

test('a new server certificate is served without a restart, and no call under load fails', async () => {
  let going = true;
  let calls = 0;
  const load = async () => {
    while (going) {
      assert.equal(await whoami('right'), 'alice');
      calls++;
    }
  };
  const loads = [load(), load()];
  try {
    for (let round = 0; round < times(4, 200); round++) {
      const name = round % 2 === 0 ? 'server2' : 'server';
      serve(name);
      await eventually(`${name} is served`, async () => (await served()) === name);
    }
  } finally {
    going = false;
    await Promise.all(loads);
  }
  assert(calls > 0);
});

test('a new file that is broken keeps the old certificate and is told once', async () => {
  const name = await served();
  warnings.length = 0;
  writeFileSync(certificates.file('tls.crt'), 'no certificate');
  await eventually('a warning', () => warnings.length > 0);
  assert.match(warnings[0] ?? '', /were not reloaded: tls: .* are not a certificate and its key/);
  assert.equal(await served(), name);
  assert.equal(await whoami('right'), 'alice');
  assert.equal(warnings.length, 1);
  serve('server');
});

test('who is revoked is out: on a new connection, and on the one that is open', async () => {
  const client = connect('leaver');
  try {
    assert.equal((await client.unary(api.getCurrentUser, {})).subject, 'leaver');
    // With a call under way the connection stays, and takes no more.
    const { sandbox } = await client.unary(api.createSandbox, { name: 'box' });
    const watch = client.serverStream(api.watchSandbox, {
      id: sandbox?.metadata?.id ?? '',
      followStatus: true,
    });
    await watch[Symbol.asyncIterator]().next();
    certificates.revoke('leaver');
    publishRevocations();
    await eventually('the open connection is refused', () =>
      client.unary(api.getCurrentUser, {}, { timeoutMs: 5_000 }).then(
        () => false,
        (error) => /revocations changed/.test(error.details),
      ),
    );
  } finally {
    client.close();
  }
  await assert.rejects(whoami('leaver'), { code: 14 });
  assert.equal(await whoami('right'), 'alice');
});
