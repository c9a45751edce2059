import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { createLogger } from '../../dist/logging/logger.js';
import { backupDatabase } from '../../dist/parts/store-sqlite/backup.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import type { Store } from '../../dist/store/store.js';
import { times } from '../support/soak.js';
import { eventually } from '../support/wait.js';
import { databasePath, sandbox, workspace } from './records.js';

async function all(store: Store) {
  return store.listSandboxes({});
}

async function serving(t: { after(end: () => Promise<void>): void }, path: string): Promise<Store> {
  const store = await openStore({ path, backups: true });
  t.after(() => store.close());
  await store.insertWorkspace(workspace('default'));
  return store;
}

test('a backup of a store that is written to is one moment of it, whole', async (t) => {
  const path = databasePath(t);
  const store = await serving(t, path);
  let made = 0;
  let writing = true;
  const first = await store.insertSandbox(sandbox('first', { createdAtMs: 0 }));
  const writer = (async () => {
    for (let version = first.resourceVersion; writing; ) {
      made++;
      await store.insertSandbox(sandbox(`s${made}`, { createdAtMs: made }));
      version = (await store.updateSandbox('first', version, { message: `after ${made}` })).resourceVersion;
      if (made > 5) {
        await store.removeSandbox(`s${made - 5}`, 1);
      }
    }
  })();
  for (let round = 0; round < times(5, 100); round++) {
    await eventually('some writes', () => made > round * 7);
    const file = `${path}-copy-${round}`;
    const atLeast = made - 1;
    const report = await backupDatabase(path, file);
    assert.equal(report.online, true);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(report.bytes, statSync(file).size);
    const copy = await openStore({ path: file });
    const rows = await all(copy);
    assert.equal(rows.length, report.sandboxes);
    // Rows of a single moment: none between the first and the last is missing.
    const numbers = rows.slice(1).map(({ id }) => Number(id.slice(1)));
    const [from = 0] = numbers;
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => from + i),
    );
    assert.ok((numbers.at(-1) ?? 0) >= atLeast, 'what was acknowledged before is in it');
    const changed = Number(/^after (\d+)$/.exec(rows[0]?.message ?? '')?.[1] ?? 0);
    assert.ok([0, 1].includes((numbers.at(-1) ?? 0) - changed), 'an update is as new as the rows');
    assert.equal(rows[1]?.spec.environment.GREETING, sandbox('x').spec.environment.GREETING);
    await copy.close();
  }
  writing = false;
  await writer;
});

test('while a copy is made the file stands still, whatever is written, and goes on changing afterwards', async (t) => {
  const path = databasePath(t);
  const store = await serving(t, path);
  const socket = connect(`${path}-backup`);
  t.after(() => socket.destroy());
  const lines = createInterface(socket)[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'still');
  const before = readFileSync(path);
  const write = async (from: number) => {
    for (let i = from; i < from + 300; i++) {
      await store.insertSandbox(sandbox(`s${i}`, { message: 'm'.repeat(5000) }));
      if (i % 10 === 9) {
        await store.removeSandbox(`s${i}`, 1);
      }
    }
  };
  await write(0);
  await assert.rejects(backupDatabase(path, `${path}-second`), { reason: 'BackupRefused' });
  assert.ok(readFileSync(path).equals(before));
  socket.write('copied\n');
  assert.equal((await lines.next()).value, 'whole');
  await write(300);
  assert.ok(!readFileSync(path).equals(before));
  assert.equal((await all(store)).length, 540);
});

test('a backup equals a store that nobody writes to, with a gateway and without one', async (t) => {
  const path = databasePath(t);
  const store = await serving(t, path);
  for (const id of ['a', 'b', 'c']) {
    await store.insertSandbox(sandbox(id));
  }
  const rows = await all(store);
  await backupDatabase(path, `${path}-online`);
  await store.close();
  assert.equal((await backupDatabase(path, `${path}-offline`)).online, false);
  for (const file of [`${path}-online`, `${path}-offline`]) {
    const copy = await openStore({ path: file });
    assert.deepEqual(await all(copy), rows);
    await copy.close();
  }
});

test('nothing is written over, and what fails leaves no file', async (t) => {
  const path = databasePath(t);
  const store = await serving(t, path);
  const file = `${path}-taken`;
  writeFileSync(file, 'mine');
  const taken = { code: Code.ALREADY_EXISTS, reason: 'BackupExists' };
  await assert.rejects(backupDatabase(path, file), taken);
  symlinkSync(`${path}-nowhere`, `${path}-link`);
  await assert.rejects(backupDatabase(path, `${path}-link`), taken);
  await assert.rejects(backupDatabase(path, `${path}-no/folder`), { reason: 'BackupFolderMissing' });
  await assert.rejects(backupDatabase(`${path}x`, `${path}-y`), { reason: 'StoreMissing' });
  await store.close();
  await assert.rejects(backupDatabase(path, file), taken);
  assert.equal(readFileSync(file, 'utf8'), 'mine');
  assert.ok(!existsSync(`${path}x`) && !existsSync(`${path}-y`) && !existsSync(`${path}-nowhere`));
});

test("a gateway that gives no backups is named, and the socket is its user's alone and goes with it", async (t) => {
  const path = databasePath(t);
  const silent = await openStore({ path });
  await assert.rejects(backupDatabase(path, `${path}-x`), {
    reason: 'StoreLocked',
    message: /in use by another process, which serves no backups/,
  });
  await silent.close();
  const store = await serving(t, path);
  assert.equal(statSync(`${path}-backup`).mode & 0o777, 0o600);
  await store.close();
  assert.deepEqual(
    readdirSync(dirname(path)).filter((name) => name.endsWith('-backup')),
    [],
  );
});

test('a large file is checked after it was opened, and what is damaged is told by log and ping', async (t) => {
  const path = databasePath(t);
  const store = await serving(t, path);
  for (let i = 0; i < 300; i++) {
    await store.insertSandbox(sandbox(`s${i}`, { message: 'm'.repeat(500) }));
  }
  await store.close();
  const lines: string[] = [];
  const log = createLogger({ level: 'info', readable: false, write: (text) => void lines.push(text) });
  const open = () => openStore({ path, log, checkedAtOpenBytes: 0 });
  const sound = await open();
  await eventually('sound', () => lines.some((line) => line.includes('the database is sound')));
  await sound.ping();
  await sound.close();

  const bytes = readFileSync(path);
  for (let page = 30; page < bytes.length / 4096; page++) {
    bytes.fill(0xff, page * 4096, page * 4096 + 200);
  }
  writeFileSync(path, bytes);
  const damaged = await open();
  t.after(() => damaged.close());
  await eventually('damage', () => lines.some((line) => line.includes('is damaged or not a database')));
  await assert.rejects(damaged.ping(), { reason: 'StoreCorrupt' });
});
