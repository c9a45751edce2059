/**
 * What the store costs: journal modes against each other, commits alone and together, reads with few and many
 * rows. Needs a build; takes some 20 s. node bench/store.mjs
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../dist/parts/store-sqlite/open-store.js';
import { loadSqlite } from '../dist/parts/store-sqlite/sqlite-module.js';

const folder = mkdtempSync(join(tmpdir(), 'openshell-bench-'));

function at(samples, part) {
  return samples.toSorted((a, b) => a - b)[Math.min(samples.length - 1, Math.floor(samples.length * part))];
}

function report(what, samples) {
  const [p50, p99] = [0.5, 0.99].map((part) => Math.round(at(samples, part) * 1000));
  console.log(`${what.padEnd(52)} p50 ${String(p50).padStart(7)} us   p99 ${String(p99).padStart(7)} us`);
}

async function sample(count, work) {
  const samples = [];
  for (let i = 0; i < count; i++) {
    const startedAt = performance.now();
    await work(i);
    samples.push(performance.now() - startedAt);
  }
  return samples;
}

const workspace = {
  id: 'w',
  name: 'default',
  labels: {},
  annotations: {},
  createdAtMs: 0,
  deletionAtMs: 0,
  phase: 'active',
};

function sandbox(i) {
  return {
    ...workspace,
    id: `id-${i}`,
    name: `sandbox-${i}`,
    workspace: 'default',
    driver: 'docker',
    createdAtMs: i,
    labels: { app: i % 2 ? 'web' : 'db', shard: String(i % 100) },
    spec: { environment: { HOME: '/sandbox' }, template: { image: 'busybox:1' }, command: ['sleep', 'inf'] },
    intent: 'run',
    phase: 'provisioning',
    reason: '',
    message: '',
    resourceName: '',
    instanceId: '',
    conditions: [],
  };
}

async function benchJournals() {
  const { DatabaseSync } = await loadSqlite();
  for (const [journal, synchronous] of [
    ['WAL', 'FULL'],
    ['DELETE', 'EXTRA'],
    ['TRUNCATE', 'FULL'],
    ['PERSIST', 'FULL'],
  ]) {
    const database = new DatabaseSync(join(folder, `${journal}.db`));
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = ${journal};
      PRAGMA synchronous = ${synchronous}; CREATE TABLE t (id INTEGER PRIMARY KEY, payload TEXT)`);
    const insert = database.prepare('INSERT INTO t (payload) VALUES (?)');
    const samples = await sample(200, () => insert.run('x'.repeat(2000)));
    report(`commit of 2 kB, journal ${journal}, synchronous ${synchronous}`, samples);
    database.close();
  }
}

async function benchReads(store, rows) {
  function anyId() {
    return `id-${Math.floor(Math.random() * rows)}`;
  }

  const page = { limit: 100, offset: 0 };
  function list(query) {
    return sample(100, () => store.listSandboxes(query));
  }

  await sample(2000, () => store.getSandbox(anyId()));
  report(`${rows} rows: get`, await sample(5000, () => store.getSandbox(anyId())));
  report(`${rows} rows: first page of 100`, await list({ workspace: 'default', page }));
  report(`${rows} rows: last page of 100`, await list({ page: { ...page, offset: rows - 100 } }));
  report(`${rows} rows: page by labels`, await list({ selector: new Map([['shard', '1']]), page }));
  report(`${rows} rows: count by driver and phase`, await sample(100, () => store.countSandboxes()));
}

async function benchStore() {
  const store = await openStore({ path: join(folder, 'openshell.db') });
  await store.insertWorkspace(workspace);
  report('insert, alone', await sample(100, (i) => store.insertSandbox(sandbox(i))));
  for (const together of [1, 8, 64]) {
    const samples = await sample(20, async () => {
      const ids = Array.from({ length: together }, (_, i) => `id-${i}`);
      const rows = await Promise.all(ids.map((id) => store.getSandbox(id)));
      await Promise.all(
        rows.map((row) => store.updateSandbox(row.id, row.resourceVersion, { phase: 'running' })),
      );
    });
    report(
      `update, each of ${together} at once`,
      samples.map((took) => took / together),
    );
  }
  await benchReads(store, 100);
  for (let i = 100; i < 10_000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, k) => store.insertSandbox(sandbox(i + k))));
  }
  await benchReads(store, 10_000);
  await store.close();
  report(
    'open with 10000 rows',
    await sample(3, async () => (await openStore({ path: join(folder, 'openshell.db') })).close()),
  );
}

console.log(`Node ${process.version}`);
try {
  await benchJournals();
  await benchStore();
} finally {
  rmSync(folder, { recursive: true });
}
