import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GatewayConfig } from '../../dist/config/gateway-config.js';
import { printStrays } from '../../dist/gateway/program/strays.js';
import sqlite from '../../dist/parts/store-sqlite/entry.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

test('strays: what the next start removes by itself is not listed, and a failure leaves the store free', async (t) => {
  const folder = tempFolder();
  t.after(folder.remove);
  const engine = createFakeEngine();
  const running = await startTestGateway(folder.path, [engine.entry()]);
  const { sandbox } = await running.client.unary(api.createSandbox, { name: 'old' });
  const id = sandbox?.metadata?.id ?? '';
  const phase = async () =>
    (await running.client.unary(api.getSandbox, { name: 'old' })).sandbox?.status?.phase;
  await eventually('it runs', async () => (await phase()) === SandboxPhase.READY);
  const resource = engine.resources.get(id);
  assert.ok(resource);
  await running.client.unary(api.deleteSandbox, { name: 'old' });
  await eventually('its row is gone', () =>
    phase().then(
      () => false,
      () => true,
    ),
  );
  await running.close();
  const strayId = '6a1f0000-0000-4000-8000-000000000000';
  engine.resources.set(id, resource);
  engine.resources.set(strayId, { ...resource, sandbox: { ...resource.sandbox, id: strayId } });

  const strays = (drivers: string[]) =>
    printStrays(
      {
        flavor: { name: 'test', drivers: [engine.entry()], stores: [sqlite], telemetry: undefined },
        ...{ build: 'test', argv: [], env: {}, connectExternal: undefined, buildWarnings: [] },
      },
      {
        ...{ computeDrivers: drivers, drivers: new Map(), sandboxNamespace: 'default' },
        database: { scheme: 'sqlite', ...sqlite.parseUrl(`sqlite:${join(folder.path, 'openshell.db')}`) },
        secretKeyPath: join(folder.path, 'secret.key'),
      } as unknown as GatewayConfig,
      { configDir: folder.path, stateDir: folder.path },
    );
  const text = await strays([]);
  assert.match(text, new RegExp(strayId));
  assert.ok(!text.includes(id), text);
  await assert.rejects(strays(['absent']), { reason: 'DriverUnknown' });
  // The store would be locked if it had stayed open.
  await (await openStore({ path: join(folder.path, 'openshell.db') })).close();
});
