import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../dist/parts/store-sqlite/open-database.js';
import { listSandboxes } from '../../dist/parts/store-sqlite/sandboxes.js';
import type { Sql } from '../../dist/parts/store-sqlite/sqlite-module.js';
import type { SandboxQuery } from '../../dist/store/store.js';
import { databasePath } from './records.js';

const after = { createdAtMs: 1, name: 'a', id: 'a' };
const page = { limit: 10, offset: 0 };

test('a page of sandboxes is read along an index, and nothing is sorted for it', async (t) => {
  const { database } = await openDatabase(databasePath(t));
  t.after(() => database.close());
  const planOf = (query: SandboxQuery): string => {
    const plan: string[] = [];
    const sql = {
      all(text, ...values) {
        const steps = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...values);
        plan.push(...steps.map((step) => String(step.detail)));
        return [];
      },
    } as Pick<Sql, 'all'> as Sql;
    listSandboxes(sql, query);
    return plan.join('; ');
  };
  for (const place of [page, { ...page, after }]) {
    for (const query of [{}, { driver: 'docker' }, { workspace: 'default' }]) {
      const plan = planOf({ ...query, page: place });
      assert.match(plan, /USING INDEX sandbox_(workspace_)?order/);
      assert.doesNotMatch(plan, /TEMP B-TREE/);
    }
  }
});
