import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { environmentFor, toWireSpec } from '../../dist/gateway/api/stored-spec.js';
import { createLogger } from '../../dist/logging/logger.js';
import { methods as v00 } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { sandbox } from '../store/records.js';
import { caller } from '../support/caller.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

const here = { workspaceScope: { selection: { case: 'workspace' as const, value: 'default' } } };
const HIDDEN = '<hidden>';
const SECRETS = ['SEKRET-ENV', 'SEKRET-TEMPLATE', 'SEKRET-DRIVER', 'SEKRET-OTHER-DRIVER'] as const;

const spec = {
  environment: { TOKEN: SECRETS[0] },
  template: {
    environment: { KEY: SECRETS[1] },
    driverConfig: {
      podman: { secrets: [{ path: '/run/token', value: SECRETS[2] }], read_only_root: true },
      other: { deep: { secrets: { token: SECRETS[3], env: 'NAME' } } },
    },
  },
};

async function started(t: { after(end: () => Promise<void>): void }) {
  const folder = tempFolder();
  const lines: string[] = [];
  const log = createLogger({ level: 'trace', readable: false, write: (text) => void lines.push(text) });
  const gateway = await startTestGateway(folder.path, [createFakeEngine().entry('podman')], { log });
  t.after(async () => {
    await gateway.close();
    folder.remove();
  });
  /** Which of the secrets stand in a file of the gateway, or in its log. */
  const found = (): string[] => {
    const files = readdirSync(folder.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'latin1'));
    const all = [...files, ...lines].join('\n');
    return SECRETS.filter((secret) => all.includes(secret));
  };
  return { client: gateway.client, found, lines };
}

function shows(answer: unknown): string[] {
  const text = JSON.stringify(answer, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  return SECRETS.filter((secret) => text.includes(secret));
}

const ENVIRONMENT = SECRETS.slice(0, 2);

test("get and create show the environment, lists and watches leave it out, and nothing shows a driver's secret", async (t) => {
  const { client } = await started(t);
  assert.deepEqual(shows(await client.unary(v00.createSandbox, { name: 'old', spec })), ENVIRONMENT);
  assert.deepEqual(
    shows(await client.unary(v01.createSandbox, { name: 'young', spec, ...here })),
    ENVIRONMENT,
  );
  const got = await client.unary(v00.getSandbox, { name: 'old' });
  assert.deepEqual(shows(got), ENVIRONMENT);
  const hidden = {
    podman: { secrets: [{ path: '/run/token', value: HIDDEN }], read_only_root: true },
    other: { deep: { secrets: { token: HIDDEN, env: 'NAME' } } },
  };
  assert.deepEqual(got.sandbox?.spec?.template?.driverConfig, hidden);
  assert.deepEqual(shows(await client.unary(v01.getSandbox, { name: 'young', ...here })), ENVIRONMENT);
  for (const list of [
    await client.unary(v00.listSandboxes, {}),
    await client.unary(v01.listSandboxes, here),
  ]) {
    assert.equal(list.sandboxes.length, 2);
    assert.deepEqual(shows(list), []);
    assert.deepEqual(list.sandboxes[0]?.spec?.template?.driverConfig, hidden);
  }
  const id = got.sandbox?.metadata?.id ?? '';
  for await (const event of client.serverStream(v00.watchSandbox, { id, followStatus: true })) {
    assert.equal(event.payload.case, 'sandbox');
    assert.deepEqual(shows(event), []);
    break;
  }
  for await (const event of client.serverStream(v01.watchSandbox, { sandbox: 'young', ...here })) {
    assert.deepEqual(shows(event), []);
  }
});

test('a template shows as a sandbox does', async (t) => {
  const { client } = await started(t);
  const template = {
    metadata: { name: 't' },
    spec: { workload: { environment: spec.environment }, driverConfig: spec.template.driverConfig },
  };
  await client.unary(v01.createSandboxTemplate, { template, ...here });
  assert.deepEqual(shows(await client.unary(v01.getSandboxTemplate, { name: 't', ...here })), [SECRETS[0]]);
  assert.deepEqual(shows(await client.unary(v01.listSandboxTemplates, here)), []);
});

test('who may not exec sees the names of variables and not their values', () => {
  assert.equal(environmentFor(caller({ roles: ['platform_admin'] })), 'shown');
  const shown = toWireSpec(sandbox('a').spec, environmentFor(caller({ roles: [] })));
  assert.deepEqual(shown.environment, { GREETING: HIDDEN });
});

test('what was hidden does not come back as a value', async (t) => {
  const { client } = await started(t);
  const refused = (details: RegExp) => ({ code: status.INVALID_ARGUMENT, details });
  await assert.rejects(
    client.unary(v00.createSandbox, { spec: { environment: { TOKEN: HIDDEN } } }),
    refused(/^spec\.environment\.TOKEN is <hidden>, the placeholder/),
  );
  await assert.rejects(
    client.unary(v00.createSandbox, {
      spec: { template: { driverConfig: { podman: { secrets: [{ path: '/a', value: HIDDEN }] } } } },
    }),
    refused(/^spec\.template\.driver_config is <hidden>/),
  );
});

test('after a delete no file and no log has a secret, and repeated requests give none', async (t) => {
  const { client, found, lines } = await started(t);
  const request = { name: 'a', spec, requestId: 'create', labels: { a: 'b' }, ...here };
  const first = await client.unary(v01.createSandbox, request);
  assert.deepEqual(await client.unary(v01.createSandbox, request), first, 'while it is there');
  await client.unary(v01.createSandboxTemplate, {
    template: { metadata: { name: 't' }, spec: { workload: { environment: spec.environment } } },
    requestId: 'template',
    ...here,
  });
  assert.deepEqual(found(), [...SECRETS], 'what is there is found');
  assert.deepEqual(
    SECRETS.filter((secret) => lines.join('\n').includes(secret)),
    [],
  );

  await client.unary(v01.deleteSandbox, { name: 'a', ...here });
  await client.unary(v01.deleteSandboxTemplate, { name: 't', ...here });
  await eventually('nothing is left in any file', () => found().length === 0);

  const again = await client.unary(v01.createSandbox, request);
  assert.deepEqual(shows(again), []);
  assert.equal(again.sandbox?.metadata?.id, first.sandbox?.metadata?.id);
  assert.equal(again.sandbox?.metadata?.name, 'a');
  assert.deepEqual((await client.unary(v01.listSandboxes, here)).sandboxes, [], 'and makes none');
  assert.deepEqual(found(), []);
});
