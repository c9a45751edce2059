import assert from 'node:assert/strict';
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { migrate, schemaVersion } from '../../dist/parts/store-sqlite/migrate.js';
import { closeDatabase, openDatabase } from '../../dist/parts/store-sqlite/open-database.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { MIGRATIONS } from '../../dist/parts/store-sqlite/schema.js';
import { loadSqlite } from '../../dist/parts/store-sqlite/sqlite-module.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { databasePath, plain, sandbox, template } from './records.js';

test('a later schema is reached from this one with its rows, in one step', async (t) => {
  const path = databasePath(t);
  const store = await openStore({ path });
  await store.setMeta('gateway_id', 'one');
  await store.close();
  const { database } = await openDatabase(path);
  const later = [...MIGRATIONS, 'ALTER TABLE meta ADD COLUMN note TEXT', "UPDATE meta SET note = 'kept'"];
  migrate(database, MIGRATIONS.length, later);
  assert.deepEqual(
    { ...database.prepare('SELECT * FROM meta').get() },
    {
      key: 'gateway_id',
      value: 'one',
      note: 'kept',
    },
  );
  assert.throws(() => schemaVersion(database, path), { reason: 'StoreNewer' });
  closeDatabase(database);
  await assert.rejects(openStore({ path }), { reason: 'StoreNewer' });
});

test('a step that fails takes the steps before it back', async (t) => {
  const path = databasePath(t);
  const { database } = await openDatabase(path);
  const broken = [...MIGRATIONS, 'CREATE TABLE extra (id TEXT)', 'CREATE TABLE meta (id TEXT)'];
  assert.throws(() => migrate(database, MIGRATIONS.length, broken), /meta already exists/);
  closeDatabase(database);
  const { database: again } = await openDatabase(path);
  assert.equal(schemaVersion(again, path), MIGRATIONS.length);
  assert.equal(again.prepare("SELECT name FROM sqlite_schema WHERE name = 'extra'").get(), undefined);
  closeDatabase(again);
});

/** A database as the gateway of schema 2 left it: secrets in payloads, whole answers of requests, a deleted row. */
async function ofSchemaTwo(t: TestContext): Promise<string> {
  const path = databasePath(t);
  await (await openStore({ path })).close();
  rmSync(path);
  const { DatabaseSync } = await loadSqlite();
  const old = new DatabaseSync(path);
  migrate(old, 0, MIGRATIONS.slice(0, 2));
  const whole = (id: string) => {
    const { spec } = sandbox(id);
    const environment = { TOKEN: `SEKRET-${id}` };
    return sandbox(id, {
      spec: { ...spec, environment, template: { ...spec.template, driverConfig: DRIVER_CONFIG } },
    });
  };
  old
    .prepare("INSERT INTO workspace VALUES ('w', 'default', 1, 1, ?)")
    .run(JSON.stringify({ labels: {}, annotations: {}, deletionAtMs: 0, phase: 'active' }));
  for (const record of [whole('a'), whole('gone'), sandbox('bare', { labels: { app: 'web' } })]) {
    const { id, workspace: space, name, driver, phase, createdAtMs, ...payload } = record;
    old
      .prepare('INSERT INTO sandbox VALUES (?, ?, ?, ?, ?, ?, 4, ?)')
      .run(id, space, name, driver, phase, createdAtMs, JSON.stringify(payload));
  }
  old.exec("DELETE FROM sandbox WHERE id = 'gone'; INSERT INTO tombstone VALUES ('gone', 'docker', 5)");
  old.exec(
    "INSERT INTO sandbox_label VALUES ('bare', 'app', 'web'); INSERT INTO meta VALUES ('gateway_id', 'g')",
  );
  const {
    id,
    workspace: space,
    name,
    createdAtMs,
    ...payload
  } = template('t', { environment: { T: 'SEKRET-t' } });
  old
    .prepare('INSERT INTO template VALUES (?, ?, ?, ?, 1, ?)')
    .run(id, space, name, createdAtMs, JSON.stringify(payload));
  const answer = JSON.stringify({ ...whole('gone'), resourceVersion: 1 });
  old.prepare("INSERT INTO request VALUES ('me', 'r', 'f', ?, 6)").run(answer);
  old.exec("INSERT INTO request VALUES ('me', 'd', 'f', '\"completed\"', 6)");
  closeDatabase(old);
  return path;
}

const DRIVER_CONFIG = { podman: { secrets: [{ path: '/s', value: 'SEKRET-driver' }] } };

test('schema 2: every row is there afterwards, and what was deleted is in no byte of the file', async (t) => {
  const path = await ofSchemaTwo(t);
  assert.ok(readFileSync(path, 'latin1').includes('SEKRET-gone'), 'an older gateway leaves it there');
  const store = await openStore({ path });
  t.after(() => store.close());
  const a = await store.getSandbox('a');
  assert.deepEqual(a?.spec.environment, { TOKEN: 'SEKRET-a' });
  assert.deepEqual(a?.spec.template.driverConfig, DRIVER_CONFIG);
  assert.equal(a?.resourceVersion, 4);
  const bare = { ...sandbox('bare', { labels: { app: 'web' } }), resourceVersion: 4 };
  assert.deepEqual(plain(await store.listSandboxes({ selector: new Map([['app', 'web']]) })), [plain(bare)]);
  assert.deepEqual((await store.findTemplate('default', 'name-t'))?.environment, { T: 'SEKRET-t' });
  assert.equal((await store.findWorkspace('default'))?.phase, 'active');
  assert.equal((await store.getTombstone('gone'))?.deletedAtMs, 5);
  assert.equal(await store.getMeta('gateway_id'), 'g');
  assert.equal((await store.getRequest('me', 'd'))?.answer, '"completed"');
  const kept = JSON.parse((await store.getRequest('me', 'r'))?.answer ?? '');
  assert.deepEqual([kept.id, kept.phase, 'spec' in kept], ['gone', 'provisioning', false]);

  const bytes = readFileSync(path, 'latin1') + readFileSync(`${path}-wal`, 'latin1');
  assert.ok(bytes.includes('SEKRET-a') && bytes.includes('SEKRET-driver'));
  assert.ok(!bytes.includes('SEKRET-gone'));
});

test('before an upgrade the file is copied, for its owner alone; the latest two copies are kept', async (t) => {
  const path = await ofSchemaTwo(t);
  for (const old of [0, 1]) {
    writeFileSync(`${path}-schema${old}`, 'older');
  }
  writeFileSync(`${path}-schemas-of-mine`, 'mine');
  await (await openStore({ path })).close();
  const copies = readdirSync(dirname(path))
    .filter((name) => name.includes('-schema'))
    .sort();
  assert.deepEqual(copies, ['openshell.db-schema1', 'openshell.db-schema2', 'openshell.db-schemas-of-mine']);
  const copy = `${path}-schema2`;
  assert.equal(statSync(copy).mode & 0o777, 0o600);
  await (await openStore({ path })).close();

  // The way back after an upgrade, and forward again.
  const { DatabaseSync } = await loadSqlite();
  const before = new DatabaseSync(copy);
  assert.equal(schemaVersion(before, copy), 2);
  assert.equal(before.prepare("SELECT count(*) AS n FROM sandbox WHERE id = 'a'").get()?.n, 1);
  closeDatabase(before);
  rmSync(path);
  renameSync(copy, path);
  const again = await openStore({ path });
  t.after(() => again.close());
  assert.deepEqual((await again.getSandbox('a'))?.spec.environment, { TOKEN: 'SEKRET-a' });
});

test('without room for the copy there is no upgrade', async (t) => {
  const disk = mountSmallDisk(t, 16);
  if (disk === undefined) {
    return;
  }
  const path = join(disk.folder, 'openshell.db');
  copyFileSync(await ofSchemaTwo(t), path);
  const ballast = disk.fill();
  await assert.rejects(openStore({ path }), { reason: 'StoreFull' });
  assert.deepEqual(readdirSync(disk.folder).sort(), ['ballast', 'openshell.db']);
  const { DatabaseSync } = await loadSqlite();
  const untouched = new DatabaseSync(path);
  assert.equal(schemaVersion(untouched, path), 2);
  closeDatabase(untouched);
  rmSync(ballast);
  await (await openStore({ path })).close();
});

test('a database of the first schema is brought forward with its sandboxes', async (t) => {
  const path = databasePath(t);
  const fresh = await openStore({ path });
  await fresh.close();
  rmSync(path);
  const { DatabaseSync } = await loadSqlite();
  const old = new DatabaseSync(path);
  migrate(old, 0, MIGRATIONS.slice(0, 1));
  const { restarts, startedAtMs, fromTemplate, spec, ...first } = sandbox('a');
  const { restartPolicy, ...oldSpec } = spec;
  const { id, workspace: space, name, driver, phase, createdAtMs, ...payload } = first;
  old.prepare("INSERT INTO workspace VALUES ('w', ?, 1, 1, '{}')").run(space);
  old
    .prepare('INSERT INTO sandbox VALUES (?, ?, ?, ?, ?, ?, 1, ?)')
    .run(id, space, name, driver, phase, createdAtMs, JSON.stringify({ ...payload, spec: oldSpec }));
  closeDatabase(old);
  const store = await openStore({ path });
  t.after(() => store.close());
  assert.deepEqual(plain(await store.getSandbox('a')), plain({ ...sandbox('a'), resourceVersion: 1 }));
  assert.deepEqual(await store.listTemplates({}), []);
});
