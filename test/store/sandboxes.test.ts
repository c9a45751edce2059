import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { openStore } from '../../dist/store/sqlite/open-store.js';
import { databasePath, plain, sandbox, storeWithDefault, workspace } from './records.js';

test('a sandbox comes back as it was given, also by another process of the gateway', async (t) => {
  const path = databasePath(t);
  const store = await storeWithDefault(t, path);
  const given = sandbox('a', { labels: { team: 'x', 'dots.and/"quotes"': "it's" }, annotations: { n: '1' } });
  const inserted = await store.insertSandbox(given);
  assert.deepEqual(inserted, { ...given, resourceVersion: 1 });
  await store.close();

  const again = await openStore({ path });
  t.after(() => again.close());
  assert.deepEqual(plain(await again.getSandbox('a')), plain(inserted));
  assert.deepEqual(plain(await again.findSandbox('default', 'name-a')), plain(inserted));
  assert.equal(await again.getSandbox('b'), undefined);
  assert.equal(await again.findSandbox('other', 'name-a'), undefined);
});

test('a name is taken once in a workspace, an id once', async (t) => {
  const store = await storeWithDefault(t);
  await store.insertWorkspace(workspace('other'));
  await store.insertSandbox(sandbox('a', { name: 'box' }));
  await assert.rejects(store.insertSandbox(sandbox('b', { name: 'box' })), {
    code: Code.ALREADY_EXISTS,
    message: "sandbox 'box' already exists",
  });
  await assert.rejects(store.insertSandbox(sandbox('a', { name: 'box2' })), { code: Code.ALREADY_EXISTS });
  await store.insertSandbox(sandbox('b', { name: 'box', workspace: 'other' }));
  await assert.rejects(store.insertSandbox(sandbox('c', { workspace: 'gone' })), {
    code: Code.NOT_FOUND,
    message: "workspace 'gone' not found",
  });
});

test('of two writers that saw the same version one wins, and the other is told the current one', async (t) => {
  const store = await storeWithDefault(t);
  await store.insertSandbox(sandbox('a', { name: 'box' }));
  const results = await Promise.allSettled([
    store.updateSandbox('a', 1, { phase: 'running' }),
    store.updateSandbox('a', 1, { phase: 'failed' }),
  ]);
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected'],
  );
  await assert.rejects(store.updateSandbox('a', 1, { phase: 'failed' }), {
    code: Code.ABORTED,
    message: "update of sandbox 'box' failed due to concurrent modification (current resource_version: 2)",
  });
  const stored = await store.getSandbox('a');
  assert.equal(stored?.phase, 'running');
  assert.equal(stored?.resourceVersion, 2);
  await assert.rejects(store.updateSandbox('none', 1, {}), { code: Code.NOT_FOUND });
});

test('a change to undefined clears a field', async (t) => {
  const store = await storeWithDefault(t);
  await store.insertSandbox(sandbox('a'));
  await store.updateSandbox('a', 1, { phase: 'exited', exitCode: 0 });
  assert.equal((await store.getSandbox('a'))?.exitCode, 0);
  await store.updateSandbox('a', 2, { phase: 'starting', exitCode: undefined });
  assert.equal((await store.getSandbox('a'))?.exitCode, undefined);
});

test('lists are in order of creation, then name, and pages are cut after the filters', async (t) => {
  const store = await storeWithDefault(t);
  await store.insertWorkspace(workspace('other'));
  const rows = [
    sandbox('1', { name: 'b', createdAtMs: 2, labels: { app: 'web', tier: '1' } }),
    sandbox('2', { name: 'a', createdAtMs: 2, labels: { app: 'web', tier: '2' } }),
    sandbox('3', { name: 'c', createdAtMs: 1, labels: { app: 'db' } }),
    sandbox('4', { name: 'a', createdAtMs: 3, labels: { app: 'web', tier: '1' }, workspace: 'other' }),
    sandbox('5', { name: 'd', createdAtMs: 4, labels: { app: 'web', tier: '1' }, driver: 'vm' }),
  ];
  for (const row of rows) await store.insertSandbox(row);
  const ids = async (query: Parameters<typeof store.listSandboxes>[0]) =>
    (await store.listSandboxes(query)).map((row) => row.id).join('');

  assert.equal(await ids({}), '32145');
  assert.equal(await ids({ workspace: 'default' }), '3215');
  assert.equal(await ids({ driver: 'docker' }), '3214');
  assert.equal(await ids({ selector: new Map([['app', 'web']]) }), '2145');
  assert.equal(
    await ids({
      selector: new Map([
        ['app', 'web'],
        ['tier', '1'],
      ]),
    }),
    '145',
  );
  assert.equal(
    await ids({ selector: new Map([['app', 'web']]), workspace: 'default', page: { limit: 2, offset: 1 } }),
    '15',
  );
  assert.equal(await ids({ page: { limit: 2, offset: 4 } }), '5');
  assert.equal(await ids({ page: { limit: 2, offset: 9 } }), '');
});

test('a removed sandbox leaves a tombstone until that is pruned, and its name is free', async (t) => {
  const store = await storeWithDefault(t);
  await store.insertSandbox(sandbox('a', { name: 'box', labels: { app: 'web' } }));
  assert.equal(await store.removeSandbox('a', 1000), true);
  assert.equal(await store.removeSandbox('a', 2000), false);
  assert.deepEqual(await store.getTombstone('a'), { sandboxId: 'a', driver: 'docker', deletedAtMs: 1000 });
  await store.insertSandbox(sandbox('b', { name: 'box', labels: { app: 'web' } }));
  assert.equal((await store.listSandboxes({ selector: new Map([['app', 'web']]) })).length, 1);
  assert.equal(await store.pruneTombstones(1000), 0);
  assert.equal(await store.pruneTombstones(1001), 1);
  assert.equal(await store.getTombstone('a'), undefined);
});

test('sandboxes are counted by driver and phase', async (t) => {
  const store = await storeWithDefault(t);
  for (const id of ['a', 'b', 'c']) await store.insertSandbox(sandbox(id));
  await store.insertSandbox(sandbox('d', { driver: 'vm', phase: 'running' }));
  await store.updateSandbox('c', 1, { phase: 'running' });
  assert.deepEqual(await store.countSandboxes(), [
    { driver: 'docker', phase: 'provisioning', count: 2 },
    { driver: 'docker', phase: 'running', count: 1 },
    { driver: 'vm', phase: 'running', count: 1 },
  ]);
});
