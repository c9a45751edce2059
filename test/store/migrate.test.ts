import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { loadSqlite } from '../../dist/store/sqlite/engine.js';
import { migrate, schemaVersion } from '../../dist/store/sqlite/migrate.js';
import { closeDatabase, openDatabase } from '../../dist/store/sqlite/open-database.js';
import { openStore } from '../../dist/store/sqlite/open-store.js';
import { MIGRATIONS } from '../../dist/store/sqlite/schema.js';
import { databasePath, plain, sandbox } from './records.js';

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
