import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { EXEC_LEFT_BEHIND } from '../../dist/compute/driver.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine, type FakeEngine } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

let folder: TempFolder;
let engine: FakeEngine;
let running: TestGateway;

beforeEach(async () => {
  folder = tempFolder();
  engine = createFakeEngine();
  running = await startTestGateway(folder.path, [engine.entry(), engine.entry('second')], {
    computeDrivers: ['fake'],
    healthBindAddress: '127.0.0.1:0',
    metricsBindAddress: '127.0.0.1:0',
  });
});
afterEach(async () => {
  await running.close();
  folder.remove();
});

function get(path: string) {
  return fetch(`http://${running.gateway.healthAddress}${path}`);
}

test('/healthz lives; /readyz knows the four states of drivers and turns 503 with the last ready one', async () => {
  assert.equal((await get('/healthz')).status, 200);
  const ready = await get('/readyz');
  assert.equal(ready.status, 200);
  const body = (await ready.json()) as { checks: object; drivers: Record<string, { state: string }> };
  assert.deepEqual(Object.keys(body.checks), ['database']);
  assert.equal(body.drivers.fake?.state, 'ready');
  assert.equal(body.drivers.second?.state, 'unavailable');
  assert.equal(body.drivers.kubernetes?.state, 'absent');
  engine.before = (call) => {
    if (call === 'watch') {
      throw new Error('the engine is away');
    }
  };
  engine.breakWatches();
  await eventually('not ready', async () => (await get('/readyz')).status === 503);
  engine.before = () => {};
  await eventually('ready again', async () => (await get('/readyz')).status === 200);
});

test('metrics count sandboxes, RPCs, driver calls, reconciles and driver states', async () => {
  await running.client.unary(api.createSandbox, { name: 'box' });
  await eventually('ready', async () => {
    const { sandbox } = await running.client.unary(api.getSandbox, { name: 'box' });
    return sandbox?.status?.phase === SandboxPhase.READY;
  });
  await assert.rejects(running.client.unary(api.getSandbox, { name: 'nope' }));
  const text = await (await fetch(`http://${running.gateway.metricsAddress}/metrics`)).text();
  for (const line of [
    'openshell_sandboxes{driver="fake",phase="running"} 1',
    'openshell_server_grpc_requests_total{method="openshell.v1.OpenShell/CreateSandbox",code="0"} 1',
    'openshell_server_grpc_requests_total{method="openshell.v1.OpenShell/GetSandbox",code="5"} 1',
    'openshell_driver_call_duration_seconds_count{driver="fake",call="create"} 1',
    'openshell_reconcile_total{driver="fake",outcome="success"} 1',
    'openshell_driver_state{driver="fake",state="ready"} 1',
    'openshell_driver_state{driver="vm",state="absent"} 1',
    'openshell_strays{driver="fake"} 0',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} in\n${text}`);
  }
});

test('a command that a driver left behind is counted', async () => {
  await running.client.unary(api.createSandbox, { name: 'box' });
  const [id = ''] = await eventually('made', () => engine.resources.size > 0 && [...engine.resources.keys()]);
  const event = { timestampMs: 0, source: 'fake', message: 'it goes on', metadata: {} };
  engine.tell(id, { ...event, type: 'Normal', reason: 'Pulling' });
  engine.tell(id, { ...event, type: 'Warning', reason: EXEC_LEFT_BEHIND });
  await eventually('counted', async () =>
    (await (await fetch(`http://${running.gateway.metricsAddress}/metrics`)).text())
      .split('\n')
      .includes('openshell_driver_exec_left_behind_total{driver="fake"} 1'),
  );
});

test('a create picks another running driver by its annotation', async () => {
  await running.close();
  running = await startTestGateway(folder.path, [engine.entry(), engine.entry('second')], {
    computeDrivers: ['fake', 'second'],
  });
  await running.client.unary(api.createSandbox, {
    name: 'other',
    annotations: { 'openshell.ai/compute-driver': 'second' },
  });
  const info = await running.client.unary(api.getGatewayInfo, {});
  assert.deepEqual(
    info.computeDrivers.map(({ name }) => name),
    ['fake', 'second'],
  );
  await eventually('made by the second driver', () => engine.resources.size === 1);
});
