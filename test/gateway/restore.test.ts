import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '../../dist/logging/logger.js';
import { backupDatabase } from '../../dist/parts/store-sqlite/backup.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { SandboxPhase, methods as v00 } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

test("yesterday's database, row by row as docs/backup.md says", async (t) => {
  const folder = tempFolder();
  const engine = createFakeEngine();
  const path = join(folder.path, 'openshell.db');
  const logged: string[] = [];
  const log = createLogger({ level: 'warn', readable: false, write: (text) => void logged.push(text) });
  let running: TestGateway | undefined;
  t.after(async () => {
    await running?.close();
    folder.remove();
  });
  const start = async (): Promise<TestGateway> => {
    running = await startTestGateway(folder.path, [engine.entry()], {
      openStore: () => openStore({ path, backups: true }),
      log,
    });
    return running;
  };
  const inPhase = ({ client }: TestGateway, name: string, phase: SandboxPhase) =>
    eventually(`${name} in ${SandboxPhase[phase]}`, async () => {
      const { sandbox } = await client.unary(v00.getSandbox, { name });
      return sandbox?.status?.phase === phase ? sandbox : undefined;
    });
  const made = async (gateway: TestGateway, name: string) => {
    await gateway.client.unary(v00.createSandbox, { name, spec: { environment: { NAME: name } } });
    return inPhase(gateway, name, SandboxPhase.READY);
  };

  let gateway = await start();
  for (const name of ['stays', 'stopped', 'deleted']) {
    await made(gateway, name);
  }
  await backupDatabase(path, `${path}-yesterday`);
  await gateway.client.unary(v00.stopSandbox, { name: 'stopped' });
  await gateway.client.unary(v00.deleteSandbox, { name: 'deleted' });
  await eventually('deleted', () => engine.resources.size === 2);
  const { metadata } = await made(gateway, 'made');
  await gateway.close();

  copyFileSync(`${path}-yesterday`, path);
  const callsBefore = engine.calls.length;
  gateway = await start();
  const { spec } = await inPhase(gateway, 'stays', SandboxPhase.READY);
  assert.deepEqual(spec?.environment, { NAME: 'stays' });
  const gone = await inPhase(gateway, 'deleted', SandboxPhase.ERROR);
  assert.equal(gone.status?.conditions[0]?.reason, 'BackendResourceMissing');
  await eventually('the stray is told', () => logged.some((line) => line.includes('left alone')));
  await inPhase(gateway, 'stopped', SandboxPhase.READY);

  await assert.rejects(gateway.client.unary(v00.getSandbox, { name: 'made' }), { details: /not found/ });
  const stray = metadata?.id ?? '';
  assert.ok(engine.resources.has(stray), 'nothing removes it');
  assert.notEqual((await made(gateway, 'made')).metadata?.id, stray, 'its name is free');
  assert.ok(engine.resources.has(stray));
  assert.ok(!engine.calls.slice(callsBefore).some((call) => call.startsWith('delete')));
  await gateway.client.unary(v00.deleteSandbox, { name: 'deleted' });
});
