import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { unavailable } from '../../dist/compute/errors.js';
import { methods as api } from '../../dist/wire/v00/index.js';
import { DeletionOutcome, methods as v01 } from '../../dist/wire/v01/index.js';
import { createFakeEngine, type FakeEngine } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;

let folder: TempFolder;
let engine: FakeEngine;
let running: TestGateway;

beforeEach(async () => {
  folder = tempFolder();
  engine = createFakeEngine();
  engine.workspaces = new Set();
  running = await startTestGateway(folder.path, [engine.entry()]);
  await running.client.unary(api.createWorkspace, { name: 'team' });
});
afterEach(async () => {
  await running.close();
  folder.remove();
});

async function phase(name = 'team') {
  return (await running.client.unary(api.getWorkspace, { name })).workspace?.status?.phase;
}

function gone() {
  return eventually('the workspace is gone', () =>
    phase().then(
      () => false,
      (error) => error.code === NOT_FOUND,
    ),
  );
}

async function box() {
  await running.client.unary(api.createSandbox, { name: 'box', workspace: 'team' });
  await eventually('the box runs', () => [...engine.resources.values()][0]?.runs === 1);
}

async function emptied() {
  await running.client.unary(api.deleteSandbox, { name: 'box', workspace: 'team' });
  await eventually('the box is gone', async () => {
    const { sandboxes } = await running.client.unary(api.listSandboxes, { workspace: 'team' });
    return sandboxes.length === 0;
  });
}

test('a driver prepares a workspace before the first sandbox, and takes all of it away with the workspace', async () => {
  await box();
  assert.deepEqual([...(engine.workspaces ?? [])], ['team']);
  await assert.rejects(running.client.unary(api.deleteWorkspace, { name: 'team' }), {
    code: FAILED_PRECONDITION,
  });
  await emptied();
  const { outcome } = await running.client.unary(v01.deleteWorkspace, { name: 'team' });
  assert.equal(outcome, DeletionOutcome.ACCEPTED);
  await gone();
  assert.deepEqual([...(engine.workspaces ?? [])], []);
});

test('while a workspace ends nothing is made in it; what fails is tried again', async () => {
  let refusals = 2;
  let hold = true;
  engine.before = (call) => {
    if (call !== 'deleteWorkspace') {
      return;
    }
    if (hold || refusals-- > 0) {
      throw unavailable('the namespace is stuck');
    }
  };
  assert.equal((await running.client.unary(api.deleteWorkspace, { name: 'team' })).deleted, true);
  assert.equal((await running.client.unary(api.deleteWorkspace, { name: 'team' })).deleted, true);
  assert.equal(await phase(), 2);
  await assert.rejects(running.client.unary(api.createSandbox, { name: 'late', workspace: 'team' }), {
    code: FAILED_PRECONDITION,
    details: "workspace 'team' is being deleted",
  });
  hold = false;
  await gone();
  assert.equal(refusals, -1);
});

test('the next gateway takes a removal up that was cut off', async () => {
  engine.before = (call) => {
    if (call === 'deleteWorkspace') {
      throw unavailable('the engine is away');
    }
  };
  engine.workspaces?.add('team');
  await running.client.unary(api.deleteWorkspace, { name: 'team' });
  await running.close();
  engine.before = () => {};
  running = await startTestGateway(folder.path, [engine.entry()]);
  await gone();
  assert.deepEqual([...(engine.workspaces ?? [])], []);
});

test('a driver that makes nothing for workspaces lets them go at once', async () => {
  await running.close();
  engine.workspaces = undefined;
  running = await startTestGateway(folder.path, [engine.entry()]);
  const { outcome } = await running.client.unary(v01.deleteWorkspace, { name: 'team' });
  assert.equal(outcome, DeletionOutcome.COMPLETED);
  await assert.rejects(phase(), { code: NOT_FOUND });
});
