import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { SandboxRecord } from '../../dist/store/model.js';
import type { Store } from '../../dist/store/store.js';
import { times } from '../support/soak.js';
import { eventually } from '../support/wait.js';
import { databasePath, sandbox, storeWithDefault, template } from './records.js';

/** All bytes beside and in the database. */
function bytesIn(path: string): string {
  return readdirSync(dirname(path))
    .map((name) => readFileSync(join(dirname(path), name), 'latin1'))
    .join('\n');
}

function withSecrets(id: string, sizes: readonly number[]): SandboxRecord['spec'] {
  const { spec } = sandbox(id);
  const [own = 0, template = 0, driver = 0] = sizes;
  const secret = (part: string, size: number) => `SEKRET-${part}-${id}-`.padEnd(size, 'x');
  return {
    ...spec,
    environment: { TOKEN: secret('env', own) },
    template: {
      ...spec.template,
      environment: { KEY: secret('template', template) },
      driverConfig: { podman: { secrets: [{ path: '/run/s', value: secret('driver', driver) }] } },
    },
  };
}

function random(most: number): number {
  return Math.floor(Math.random() * most);
}

/** Rows come, change and go in an order by chance; gives the ids that went. */
async function churn(store: Store, round: number): Promise<string[]> {
  const rows = await Promise.all(
    Array.from({ length: 60 }, (_, i) => {
      const id = `r${round}-${i}-${random(1e9)}`;
      const most = random(2) ? 4000 : 300;
      const spec = withSecrets(id, [random(most), random(most), random(most)]);
      return store.insertSandbox(sandbox(id, { spec, createdAtMs: random(1000) }));
    }),
  );
  for (const row of rows) {
    await store.updateSandbox(row.id, row.resourceVersion, {
      phase: 'running',
      message: 'm'.repeat(random(900)),
    });
  }
  const gone = rows.filter(() => random(10) < 7).map((row) => row.id);
  await Promise.all(gone.map((id) => store.removeSandbox(id, 1)));
  return gone;
}

test('what is deleted leaves no byte of its secrets in any file, however rows come and go', async (t) => {
  const path = databasePath(t);
  const store = await storeWithDefault(t, path);
  const gone: string[] = [];
  for (let round = 0; round < times(6, 200); round++) {
    gone.push(...(await churn(store, round)));
  }
  await store.insertTemplate(template('t', { environment: { TOKEN: 'SEKRET-of-a-template' } }));
  const kept = (await store.listSandboxes({ withoutSecrets: true })).map((row) => row.id);
  assert.ok(gone.length > 100 && kept.length > 20);
  const before = bytesIn(path);
  for (const part of ['env', 'template', 'driver']) {
    assert.ok(before.includes(`SEKRET-${part}-${kept[0]}-`), 'what is there is found');
  }
  assert.ok(before.includes('SEKRET-of-a-template'));

  await store.removeTemplate('default', 'name-t');
  await eventually(
    'the log is taken into the database',
    () => !bytesIn(path).includes('SEKRET-of-a-template'),
  );
  const after = bytesIn(path);
  const left = gone.filter((id) =>
    ['env', 'template', 'driver'].some((part) => after.includes(`SEKRET-${part}-${id}-`)),
  );
  assert.deepEqual(left, []);
  for (const id of kept) {
    assert.ok(after.includes(`SEKRET-env-${id}-`));
  }
});

test('no page of a tree has any part of a secret, whatever its size: SQLite copies rows between those', async (t) => {
  const path = databasePath(t);
  const store = await storeWithDefault(t, path);
  for (let size = 0; size < 17_000; size += 130) {
    const id = `s${size}`;
    await store.insertSandbox(sandbox(id, { spec: withSecrets(id, [size]) }));
  }
  await store.close();
  const bytes = readFileSync(path);
  const pages = Array.from({ length: bytes.length / 4096 }, (_, i) =>
    bytes.subarray(i * 4096, (i + 1) * 4096),
  );
  // Overflow pages begin with the number of the next one, whose first byte is 0 in a file of this size.
  const ofTrees = pages.slice(1).filter((page) => [2, 5, 10, 13].includes(page[0] ?? 0));
  assert.ok(ofTrees.length > 10 && pages.some((page) => page.includes('SEKRET-env')));
  for (const page of ofTrees) {
    assert.ok(!page.includes('SEKRET') && !page.includes('xxxxxxxx'));
  }
});
