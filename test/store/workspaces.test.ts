import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { sandbox, storeWithDefault, workspace } from './records.js';

test('workspaces: insert, find, list by label, update, remove', async (t) => {
  const store = await storeWithDefault(t);
  const inserted = await store.insertWorkspace(workspace('team', { createdAtMs: 2, labels: { tier: '1' } }));
  assert.deepEqual(await store.findWorkspace('team'), inserted);
  await assert.rejects(store.insertWorkspace(workspace('team')), {
    code: Code.ALREADY_EXISTS,
    message: "workspace 'team' already exists",
  });
  const names = async (query: Parameters<typeof store.listWorkspaces>[0]) =>
    (await store.listWorkspaces(query)).map((row) => row.name);
  assert.deepEqual(await names({}), ['default', 'team']);
  assert.deepEqual(await names({ page: { limit: 1, offset: 1 } }), ['team']);
  assert.deepEqual(await names({ selector: new Map([['tier', '1']]) }), ['team']);

  const changed = await store.updateWorkspace(inserted.id, 1, { phase: 'terminating', deletionAtMs: 5 });
  assert.deepEqual(changed, { ...inserted, phase: 'terminating', deletionAtMs: 5, resourceVersion: 2 });
  await assert.rejects(store.updateWorkspace(inserted.id, 1, { phase: 'active' }), { code: Code.ABORTED });
  await assert.rejects(store.updateWorkspace('none', 1, {}), { code: Code.NOT_FOUND });
  await assert.rejects(store.insertSandbox(sandbox('1', { workspace: 'team' })), {
    code: Code.FAILED_PRECONDITION,
    reason: 'WorkspaceTerminating',
  });
  assert.equal(await store.removeWorkspace('team'), true);
  assert.equal(await store.removeWorkspace('team'), false);
  assert.equal(await store.findWorkspace('team'), undefined);
});

test('a workspace with sandboxes stays, and the refusal names at most ten of them', async (t) => {
  const store = await storeWithDefault(t);
  for (let i = 0; i < 10; i++) await store.insertSandbox(sandbox(`${i}`, { name: `box-${i}` }));
  const ten = Array.from({ length: 10 }, (_, i) => `box-${i}`).join(', ');
  await assert.rejects(store.removeWorkspace('default'), {
    code: Code.FAILED_PRECONDITION,
    message: `workspace 'default' still has sandboxes: ${ten}`,
  });
  const { id, resourceVersion } = (await store.findWorkspace('default')) ?? assert.fail();
  await assert.rejects(store.updateWorkspace(id, resourceVersion, { phase: 'terminating' }), {
    code: Code.FAILED_PRECONDITION,
    reason: 'WorkspaceNotEmpty',
  });
  await store.insertSandbox(sandbox('10', { name: 'box-x' }));
  await assert.rejects(store.removeWorkspace('default'), {
    message: `workspace 'default' still has sandboxes: ${ten}, ...`,
  });
  assert.notEqual(await store.findWorkspace('default'), undefined);
});

test('values of the gateway itself are kept, and a second write replaces the first', async (t) => {
  const store = await storeWithDefault(t);
  assert.equal(await store.getMeta('gateway_id'), undefined);
  await store.setMeta('gateway_id', 'one');
  await store.setMeta('gateway_id', 'two');
  assert.equal(await store.getMeta('gateway_id'), 'two');
});
