import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { openStore } from '../../dist/store/sqlite/open-store.js';
import type { Store } from '../../dist/store/store.js';
import { createMemoryStore } from './memory-store.js';
import { anyCall, type Call } from './random-calls.js';
import { databasePath, plain, workspace } from './records.js';

const codeName = (code: number): string | undefined =>
  Object.entries(Code).find(([, value]) => value === code)?.[0];

const outcome = async (call: Call, store: Store): Promise<unknown> => {
  try {
    return plain(await call.run(store));
  } catch (error) {
    return error instanceof OpenShellError ? codeName(error.code) : (error as Error).message;
  }
};

const comparison = (t: TestContext, compare: (calls: Call[], real: Store, model: Store) => Promise<void>) =>
  fc.asyncProperty(fc.array(anyCall, { maxLength: 60 }), async (calls) => {
    const real = await openStore({ path: databasePath(t) });
    const model = createMemoryStore();
    try {
      for (const store of [real, model]) await store.insertWorkspace(workspace('default'));
      await compare(calls, real, model);
      const all = async (store: Store) => plain(await store.listSandboxes({}));
      assert.deepEqual(await all(real), await all(model));
    } finally {
      await real.close();
    }
  });

test('random calls, one after the other, do what a plain model does', async (t) => {
  await fc.assert(
    comparison(t, async (calls, real, model) => {
      for (const call of calls) {
        assert.deepEqual(await outcome(call, real), await outcome(call, model), String(call));
      }
    }),
    { numRuns: 40 },
  );
});

test('random writes asked for at once do what a plain model does in the same order', async (t) => {
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
