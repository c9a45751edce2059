import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { methodAccess } from '../../dist/gateway/auth/methods.js';
import type { CallFailure } from '../../dist/rpc/call-failure.js';
import { detailsOf } from '../../dist/rpc/failure.js';
import { methods as api, type CreateSandboxRequestSchema, rpcs } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';

let folder: TempFolder;
let running: TestGateway;

before(async () => {
  folder = tempFolder();
  running = await startTestGateway(folder.path, [createFakeEngine().entry()]);
});
after(async () => {
  await running.close();
  folder.remove();
});

function refused(
  what: string,
  request: MessageInitShape<typeof CreateSandboxRequestSchema>,
  code: number,
  details: RegExp,
) {
  return test(`create refuses ${what}`, async () => {
    await assert.rejects(running.client.unary(api.createSandbox, request), { code, details });
  });
}

const { INVALID_ARGUMENT, FAILED_PRECONDITION, NOT_FOUND } = status;
refused('a name of 20 characters', { name: 'a'.repeat(20) }, INVALID_ARGUMENT, /longer than 19/);
refused('a name with two hyphens', { name: 'a--b' }, INVALID_ARGUMENT, /not a valid name/);
refused('a name in capitals', { name: 'Box' }, INVALID_ARGUMENT, /not a valid name/);
refused(
  'a workspace that is not there',
  { name: 'a', workspace: 'nope' },
  NOT_FOUND,
  /workspace 'nope' not found/,
);
refused(
  'a policy',
  { name: 'a', spec: { policy: {} } },
  FAILED_PRECONDITION,
  /^spec.policy cannot be honoured/,
);
refused('providers', { name: 'a', spec: { providers: ['p'] } }, FAILED_PRECONDITION, /^spec.providers/);
refused(
  'reserved variables',
  { name: 'a', spec: { environment: { OPENSHELL_X: '' } } },
  INVALID_ARGUMENT,
  /OPENSHELL_/,
);
refused(
  'a newline in a variable',
  { name: 'a', spec: { environment: { X: 'a\nb' } } },
  INVALID_ARGUMENT,
  /newline/,
);
refused(
  'a variable name with a dash',
  { name: 'a', spec: { environment: { 'A-B': '' } } },
  INVALID_ARGUMENT,
  /variable name/,
);
refused('an empty program', { name: 'a', spec: { command: [''] } }, INVALID_ARGUMENT, /name a program/);
refused(
  '257 arguments',
  { name: 'a', spec: { command: Array(257).fill('x') } },
  INVALID_ARGUMENT,
  /at most 256/,
);
refused(
  'a GPU count of 0',
  { name: 'a', spec: { resourceRequirements: { gpu: { count: 0 } } } },
  INVALID_ARGUMENT,
  /gpu.count/,
);
refused(
  'our own labels',
  { name: 'a', labels: { 'openshell.ai/sandbox-id': 'x' } },
  INVALID_ARGUMENT,
  /reserved for the gateway/,
);
refused(
  'another driver than those that run',
  { name: 'a', annotations: { 'openshell.ai/compute-driver': 'fakee' } },
  INVALID_ARGUMENT,
  /'fakee' is not running in this gateway; running: fake/,
);
refused(
  'a driver that this build leaves out',
  { name: 'a', annotations: { 'openshell.ai/compute-driver': 'vm' } },
  FAILED_PRECONDITION,
  /compute-driver needs the driver 'vm', which is not in this build; this build is the flavor 'test'/,
);
refused(
  'a driver_config that is no object',
  { name: 'a', spec: { template: { driverConfig: { fake: 'x' } } } },
  INVALID_ARGUMENT,
  /driver_config.fake must be an object/,
);

test('a name that is taken is ALREADY_EXISTS', async () => {
  await running.client.unary(api.createSandbox, { name: 'twice' });
  await assert.rejects(running.client.unary(api.createSandbox, { name: 'twice' }), {
    code: status.ALREADY_EXISTS,
    details: /sandbox 'twice' already exists/,
  });
});

test('without a default image a create says how to set one', async () => {
  const other = tempFolder();
  const bare = await startTestGateway(other.path, [createFakeEngine().entry()], { defaultImage: '' });
  try {
    await assert.rejects(bare.client.unary(api.createSandbox, { name: 'a' }), (error: CallFailure) => {
      assert.equal(error.code, INVALID_ARGUMENT);
      assert.match(detailsOf(error)?.hint ?? '', /default_image/);
      return true;
    });
  } finally {
    await bare.close();
    await other.remove();
  }
});

test('an empty name is two words', async () => {
  const { sandbox } = await running.client.unary(api.createSandbox, {});
  assert.match(sandbox?.metadata?.name ?? '', /^[a-z]+-[a-z]+$/);
});

test('lists: limits, offset, selector and workspaces', async () => {
  await running.client.unary(api.createWorkspace, { name: 'team' });
  for (const name of ['l1', 'l2', 'l3']) {
    await running.client.unary(api.createSandbox, {
      name,
      workspace: 'team',
      labels: { odd: String(name !== 'l2') },
    });
  }
  const names = async (query: object) =>
    (await running.client.unary(api.listSandboxes, query)).sandboxes.map((s) => s.metadata?.name);
  assert.deepEqual(await names({ workspace: 'team' }), ['l1', 'l2', 'l3']);
  assert.deepEqual(await names({ workspace: 'team', limit: 1, offset: 1 }), ['l2']);
  assert.deepEqual(await names({ workspace: 'team', labelSelector: 'odd=true' }), ['l1', 'l3']);
  assert.ok((await names({ allWorkspaces: true })).length > 3);
  await assert.rejects(names({ workspace: 'team', allWorkspaces: true }), { code: INVALID_ARGUMENT });
  await assert.rejects(names({ labelSelector: 'odd' }), { code: INVALID_ARGUMENT });
  await assert.rejects(running.client.unary(api.deleteWorkspace, { name: 'team' }), {
    code: FAILED_PRECONDITION,
    details: /l1.*l2.*l3/,
  });
  await assert.rejects(running.client.unary(api.deleteWorkspace, { name: 'default' }), {
    code: FAILED_PRECONDITION,
  });
});

test('every method that is not served is UNIMPLEMENTED by name, and what sandboxes call is refused to users', async () => {
  const { Client, credentials } = await import('@grpc/grpc-js');
  const client = new Client(running.gateway.address, credentials.createInsecure());
  const served = new Set(Object.values(api).map((method) => method.path));
  const asIs = (bytes: Buffer) => bytes;
  try {
    for (const { name, path, requestStream, responseStream } of rpcs) {
      if (served.has(path) || requestStream || responseStream) {
        continue;
      }
      const error = await new Promise<{ code: number; details: string } | null>((resolve) => {
        client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), resolve);
      });
      if (methodAccess(name).who === 'sandbox') {
        assert.equal(error?.code, status.PERMISSION_DENIED, path);
        assert.equal(error?.details, 'this method requires a sandbox principal');
        continue;
      }
      assert.equal(error?.code, status.UNIMPLEMENTED, path);
      assert.ok(error?.details.includes(path.slice(1)), path);
    }
  } finally {
    client.close();
  }
});
