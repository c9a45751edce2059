import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import type { SandboxRecord } from '../../dist/store/model.js';
import type { Store } from '../../dist/store/store.js';
import { createMemoryStore } from './memory-store.js';
import { anyCall, type Call } from './random-calls.js';
import { plain, request, sandbox, template, workspace } from './records.js';

/** Where a store's rows are. It goes with the test. */
export interface Place {
  /** An open store over what is there; one at a time. */
  open(): Promise<Store>;
}

function codeName(code: number): string | undefined {
  return Object.entries(Code).find(([, value]) => value === code)?.[0];
}

async function outcome(call: Call, store: Store): Promise<unknown> {
  try {
    return plain(await call.run(store));
  } catch (error) {
    const { code, message } = OpenShellError.from(error);
    return `${codeName(code)}: ${message}`;
  }
}

/**
 * The suite of the store's contract, for every store: declares its tests under the store's name.
 *
 * @param given an empty place
 */
export function storeSuite(name: string, given: (t: TestContext) => Promise<Place>): void {
  /** An open store with the workspace `default`; closed with the test. */
  const withDefault = async (t: TestContext): Promise<Store> => {
    const store = await (await given(t)).open();
    t.after(() => store.close());
    await store.insertWorkspace(workspace('default'));
    return store;
  };

  const comparison = (t: TestContext, compare: (calls: Call[], real: Store, model: Store) => Promise<void>) =>
    fc.asyncProperty(fc.array(anyCall, { maxLength: 60 }), async (calls) => {
      const place = await given(t);
      const real = await place.open();
      const model = createMemoryStore();
      try {
        for (const store of [real, model]) {
          await store.insertWorkspace(workspace('default'));
        }
        await compare(calls, real, model);
        const all = async (store: Store) => plain(await store.listSandboxes({}));
        assert.deepEqual(await all(real), await all(model));
      } finally {
        await real.close();
      }
    });

  test(`${name}: random calls, one after the other, do what a plain model does`, async (t) => {
    await fc.assert(
      comparison(t, async (calls, real, model) => {
        for (const call of calls) {
          assert.deepEqual(await outcome(call, real), await outcome(call, model), String(call));
        }
      }),
      { numRuns: 40 },
    );
  });

  test(`${name}: random writes asked for at once do what a plain model does in the same order`, async (t) => {
    const isWrite = (call: Call) => /^(insert|update|remove|prune|set)/.test(call.name);
    await fc.assert(
      comparison(t, async (calls, real, model) => {
        const writes = calls.filter(isWrite);
        const results = await Promise.all(writes.map((call) => outcome(call, real)));
        for (const [index, call] of writes.entries()) {
          assert.deepEqual(results[index], await outcome(call, model), String(call));
        }
      }),
      { numRuns: 40 },
    );
  });

  test(`${name}: a sandbox comes back as it was given, also from a store that was closed and opened again`, async (t) => {
    const place = await given(t);
    const store = await place.open();
    await store.insertWorkspace(workspace('default'));
    const record = sandbox('a', {
      labels: { team: 'x', 'dots.and/"quotes"': "it's" },
      annotations: { n: '1' },
    });
    const inserted = await store.insertSandbox(record);
    assert.deepEqual(inserted, { ...record, resourceVersion: 1 });
    await store.close();

    const again = await place.open();
    t.after(() => again.close());
    assert.deepEqual(plain(await again.getSandbox('a')), plain(inserted));
    assert.deepEqual(plain(await again.findSandbox('default', 'name-a')), plain(inserted));
    assert.equal(await again.getSandbox('b'), undefined);
    assert.equal(await again.findSandbox('other', 'name-a'), undefined);
  });

  test(`${name}: a name is taken once in a workspace, an id once`, async (t) => {
    const store = await withDefault(t);
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

  test(`${name}: of two writers that saw the same version one wins, and the other is told the current one`, async (t) => {
    const store = await withDefault(t);
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

  test(`${name}: a change to undefined clears a field`, async (t) => {
    const store = await withDefault(t);
    await store.insertSandbox(sandbox('a'));
    await store.updateSandbox('a', 1, { phase: 'exited', exitCode: 0 });
    assert.equal((await store.getSandbox('a'))?.exitCode, 0);
    await store.updateSandbox('a', 2, { phase: 'starting', exitCode: undefined });
    assert.equal((await store.getSandbox('a'))?.exitCode, undefined);
  });

  test(`${name}: lists are in order of creation, then name, and pages are cut after the filters`, async (t) => {
    const store = await withDefault(t);
    await store.insertWorkspace(workspace('other'));
    const rows = [
      sandbox('1', { name: 'b', createdAtMs: 2, labels: { app: 'web', tier: '1' } }),
      sandbox('2', { name: 'a', createdAtMs: 2, labels: { app: 'web', tier: '2' } }),
      sandbox('3', { name: 'c', createdAtMs: 1, labels: { app: 'db' } }),
      sandbox('4', { name: 'a', createdAtMs: 3, labels: { app: 'web', tier: '1' }, workspace: 'other' }),
      sandbox('5', { name: 'd', createdAtMs: 4, labels: { app: 'web', tier: '1' }, driver: 'vm' }),
    ];
    for (const row of rows) {
      await store.insertSandbox(row);
    }
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

  test(`${name}: a removed sandbox leaves a tombstone until that is pruned, and its name is free`, async (t) => {
    const store = await withDefault(t);
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

  test(`${name}: sandboxes are counted by driver and phase`, async (t) => {
    const store = await withDefault(t);
    for (const id of ['a', 'b', 'c']) {
      await store.insertSandbox(sandbox(id));
    }
    await store.insertSandbox(sandbox('d', { driver: 'vm', phase: 'running' }));
    await store.updateSandbox('c', 1, { phase: 'running' });
    assert.deepEqual(await store.countSandboxes(), [
      { driver: 'docker', phase: 'provisioning', count: 2 },
      { driver: 'docker', phase: 'running', count: 1 },
      { driver: 'vm', phase: 'running', count: 1 },
    ]);
  });

  test(`${name}: workspaces: insert, find, list by label, update, remove`, async (t) => {
    const store = await withDefault(t);
    const inserted = await store.insertWorkspace(
      workspace('team', { createdAtMs: 2, labels: { tier: '1' } }),
    );
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

  test(`${name}: a workspace with sandboxes stays, and the refusal names at most ten of them`, async (t) => {
    const store = await withDefault(t);
    for (let i = 0; i < 10; i++) {
      await store.insertSandbox(sandbox(`${i}`, { name: `box-${i}` }));
    }
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

  test(`${name}: values of the gateway itself are kept, and a second write replaces the first`, async (t) => {
    const store = await withDefault(t);
    assert.equal(await store.getMeta('gateway_id'), undefined);
    await store.setMeta('gateway_id', 'one');
    await store.setMeta('gateway_id', 'two');
    assert.equal(await store.getMeta('gateway_id'), 'two');
  });

  test(`${name}: templates: insert, find, list without secrets, remove; a name is taken once in a workspace`, async (t) => {
    const store = await withDefault(t);
    const inserted = await store.insertTemplate(template('a', { name: 'box' }));
    assert.equal(inserted.resourceVersion, 1);
    assert.deepEqual(plain(await store.findTemplate('default', 'box')), plain(inserted));
    await assert.rejects(store.insertTemplate(template('b', { name: 'box' })), {
      code: Code.ALREADY_EXISTS,
      message: "sandbox template 'box' already exists",
    });
    await assert.rejects(store.insertTemplate(template('c', { workspace: 'gone' })), {
      code: Code.NOT_FOUND,
    });
    const [listed] = await store.listTemplates({ withoutSecrets: true });
    assert.deepEqual([listed?.name, listed?.environment], ['box', {}]);
    assert.equal(await store.removeTemplate('default', 'box'), true);
    assert.equal(await store.removeTemplate('default', 'box'), false);
    assert.equal(await store.findTemplate('default', 'box'), undefined);
  });

  test(`${name}: a workspace that ends takes no templates, and takes its own with it`, async (t) => {
    const store = await withDefault(t);
    const team = await store.insertWorkspace(workspace('team'));
    await store.insertTemplate(template('a', { workspace: 'team' }));
    await store.updateWorkspace(team.id, 1, { phase: 'terminating' });
    await assert.rejects(store.insertTemplate(template('b', { workspace: 'team' })), {
      code: Code.FAILED_PRECONDITION,
      reason: 'WorkspaceTerminating',
    });
    assert.equal(await store.removeWorkspace('team'), true);
    assert.deepEqual(await store.listTemplates({}), []);
  });

  test(`${name}: a write and the answer that is kept for it stand or fall together`, async (t) => {
    const store = await withDefault(t);
    const remember = (record: SandboxRecord) => request('r', { answer: record.id });
    await store.insertSandbox(sandbox('a'), remember);
    assert.deepEqual(await store.getRequest('me', 'r'), request('r', { answer: 'a' }));
    const refuse = () => request('s');
    await assert.rejects(store.insertSandbox(sandbox('a'), refuse), { code: Code.ALREADY_EXISTS });
    await assert.rejects(store.updateSandbox('a', 7, { phase: 'running' }, refuse), { code: Code.ABORTED });
    assert.equal(await store.getRequest('me', 's'), undefined);
    await assert.rejects(
      store.insertSandbox(sandbox('b'), () => {
        throw new Error('no answer');
      }),
    );
    assert.equal(await store.getSandbox('b'), undefined, 'without an answer there is no row');
    assert.equal(await store.pruneRequests(1), 0);
    assert.equal(await store.pruneRequests(2), 1);
  });
}
