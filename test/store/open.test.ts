import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Code } from '../../dist/compute/errors.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { loadSqlite } from '../../dist/parts/store-sqlite/sqlite-module.js';
import { databasePath, sandbox, storeWithDefault } from './records.js';

function mode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

/** Runs statements on a database that no store has open. */
async function execSql(path: string, sql: string): Promise<void> {
  const { DatabaseSync } = await loadSqlite();
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

/** Opens the store at `path` in another process and gives what that wrote to stdout and stderr. */
function openElsewhere(path: string): Promise<{ stdout: string; stderr: string }> {
  const module = new URL('../../dist/parts/store-sqlite/open-store.js', import.meta.url).href;
  const script = `
    const { openStore } = await import(${JSON.stringify(module)});
    await openStore({ path: ${JSON.stringify(path)} }).then(
      (store) => store.close().then(() => console.log('opened')),
      (error) => console.log(error.text));`;
  return promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
}

test('file and folder are made for their owner alone, and an open file is closed to others', async (t) => {
  const path = databasePath(t);
  const store = await storeWithDefault(t, path);
  assert.equal(mode(dirname(path)), '700');
  assert.equal(mode(path), '600');
  assert.equal(mode(`${path}-wal`), '600');
  await store.close();
  chmodSync(path, 0o644);
  await (await openStore({ path })).close();
  assert.equal(mode(path), '600');
});

test('a second gateway on the same file is refused by name, in this process and in another', async (t) => {
  const path = databasePath(t);
  const store = await storeWithDefault(t, path);
  const refusal = { code: Code.UNAVAILABLE, reason: 'StoreLocked', message: /openshell\.db is in use by/ };
  await assert.rejects(openStore({ path }), refusal);
  assert.match((await openElsewhere(path)).stdout, /openshell\.db is in use by another process; stop the/);
  await store.insertSandbox(sandbox('a'));
  await store.close();
  assert.deepEqual(await openElsewhere(path), { stdout: 'opened\n', stderr: '' });
});

test('a schema of a newer gateway and a database of another program are refused', async (t) => {
  const path = databasePath(t);
  await (await openStore({ path })).close();
  await execSql(path, 'PRAGMA user_version = 99');
  await assert.rejects(openStore({ path }), {
    code: Code.FAILED_PRECONDITION,
    reason: 'StoreNewer',
    message: /has schema version 99, this gateway knows up to \d+$/,
  });
  const foreign = databasePath(t);
  await execSql(foreign, 'CREATE TABLE song (title TEXT)');
  chmodSync(foreign, 0o644);
  await assert.rejects(openStore({ path: foreign }), {
    code: Code.FAILED_PRECONDITION,
    reason: 'StoreForeign',
  });
  assert.equal(mode(foreign), '644');
});

test('a file that is no database, or a damaged one, is refused with what to do', async (t) => {
  const path = databasePath(t);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'x'.repeat(8192));
  chmodSync(path, 0o644);
  const refusal = {
    code: Code.UNAVAILABLE,
    reason: 'StoreCorrupt',
    hint: /put a backup in its place, or move/,
  };
  await assert.rejects(openStore({ path }), refusal);
  assert.equal(mode(path), '644', 'what is not ours keeps its mode');

  const damaged = databasePath(t);
  const store = await storeWithDefault(t, damaged);
  for (let i = 0; i < 50; i++) {
    await store.insertSandbox(sandbox(`${i}`));
  }
  await store.close();
  const bytes = readFileSync(damaged);
  bytes.fill(0xff, 4096, bytes.length - 4096);
  writeFileSync(damaged, bytes);
  await assert.rejects(openStore({ path: damaged }), refusal);
});

test('a path that cannot be used says which', async (t) => {
  const path = databasePath(t);
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
  await assert.rejects(openStore({ path }), { code: Code.UNAVAILABLE, message: /openshell\.db cannot be/ });
  assert.equal(mode(path), '755', 'a folder is left as it was');
  const file = databasePath(t);
  writeFileSync(dirname(file), '');
  await assert.rejects(openStore({ path: file }), {
    code: Code.UNAVAILABLE,
    message: /state.*cannot be opened for writing/,
  });
});

test('without any SQLite the error names both ways to get one', async () => {
  await assert.rejects(loadSqlite({ builtin: () => undefined, fallback: async () => undefined }), {
    code: Code.UNAVAILABLE,
    reason: 'StoreEngineMissing',
    hint: /Node 22\.13 or later, or install the packages again/,
  });
});

test('a commit reaches the disk before its promise resolves, and close keeps what was asked for', async (t) => {
  const path = databasePath(t);
  const store = await storeWithDefault(t, path);
  const pending = Promise.all([store.insertSandbox(sandbox('a')), store.setMeta('k', 'v')]);
  await store.close();
  await pending;
  await assert.rejects(store.ping(), { code: Code.UNAVAILABLE, reason: 'StoreClosed' });
  await assert.rejects(store.setMeta('k', 'w'), { code: Code.UNAVAILABLE, reason: 'StoreClosed' });
  const again = await openStore({ path });
  t.after(() => again.close());
  await again.ping();
  assert.equal((await again.getSandbox('a'))?.id, 'a');
  assert.equal(await again.getMeta('k'), 'v');
});

test('a write that fails does not take those down that share its commit', async (t) => {
  const store = await storeWithDefault(t);
  await store.insertSandbox(sandbox('a'));
  const results = await Promise.allSettled(['b', 'a', 'c'].map((id) => store.insertSandbox(sandbox(id))));
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(
    (await store.listSandboxes({})).map((row) => row.id),
    ['a', 'b', 'c'],
  );
});

test('a folder that takes no folders is refused at once, not waited for', async () => {
  await assert.rejects(openStore({ path: '/proc/openshell/openshell.db' }), {
    reason: 'StoreNotWritable',
    message: /\/proc\/openshell\/openshell\.db cannot be opened for writing: ENOENT/,
  });
});
