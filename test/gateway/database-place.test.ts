import assert from 'node:assert/strict';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OpenShellError } from '../../dist/compute/errors.js';
import {
  type DatabasePlace,
  databasePlace,
  keepPlace,
  placeWord,
} from '../../dist/gateway/database-place.js';
import { exitCodeOf } from '../../dist/gateway/program/exit-codes.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';

async function folderFor(t: TestContext): Promise<string> {
  const folder = tempFolder();
  t.after(() => folder.remove());
  return folder.path;
}

/** Starts a gateway on the database in `folder` and ends it; gives the gateway's id. */
async function startOn(folder: string, adoptDatabase?: string): Promise<string> {
  const path = join(folder, 'openshell.db');
  const { gateway, close } = await startTestGateway(folder, [createFakeEngine().entry()], {
    databasePlace: () => databasePlace(path, {}),
    adoptDatabase,
  });
  await close();
  return gateway.gatewayId;
}

test('a copy of a database is refused by name, and taken with the word that the refusal names', async (t) => {
  const [original, copy] = [await folderFor(t), await folderFor(t)];
  const id = await startOn(original);
  assert.equal(await startOn(original), id);
  copyFileSync(join(original, 'openshell.db'), join(copy, 'openshell.db'));
  const refusal = await startOn(copy).then(
    () => assert.fail('a copy was started'),
    (error: unknown) => OpenShellError.from(error),
  );
  assert.equal(refusal.reason, 'DatabaseMoved');
  assert.equal(exitCodeOf(refusal), 9);
  assert.match(
    refusal.text,
    /is a copy: it was last used as another file; .* --adopt-database [0-9a-f]{12};/,
  );
  await assert.rejects(startOn(copy, 'other'), { reason: 'DatabaseMoved' });
  const [, word] = /--adopt-database ([0-9a-f]{12})/.exec(refusal.text) ?? [];
  await assert.rejects(startOn(copy, word), { reason: 'KeyMissing' });
  copyFileSync(join(original, 'secret.key'), join(copy, 'secret.key'));
  assert.equal(await startOn(copy, word), id);
  assert.equal(await startOn(copy), id, 'once is enough');
});

test('a file that was renamed, and a backup that was written into the file, are the same place', async (t) => {
  const folder = await folderFor(t);
  const id = await startOn(folder);
  const path = join(folder, 'openshell.db');
  copyFileSync(path, join(folder, 'backup'));
  renameSync(path, join(folder, 'elsewhere'));
  renameSync(join(folder, 'elsewhere'), path);
  assert.equal(await startOn(folder), id);
  copyFileSync(join(folder, 'backup'), path);
  assert.equal(await startOn(folder), id);
});

test('what changes by itself on some file systems, and between containers, does not count', async (t) => {
  const folder = await folderFor(t);
  const store = await openStore({ path: join(folder, 'openshell.db') });
  t.after(() => store.close());
  const place: DatabasePlace = { path: '/db', inode: '7', born: '1000', machine: 'm' };
  await keepPlace(store, place, undefined);
  const same = [
    { ...place, inode: '8' },
    { ...place, born: '0' },
    { ...place, machine: '' },
  ];
  for (const other of same) {
    await keepPlace(store, other, undefined);
    await keepPlace(store, place, undefined);
  }
  const others = [
    { ...place, inode: '8', born: '0' },
    { ...place, inode: '8', born: '1001' },
    { ...place, machine: 'n' },
  ];
  for (const other of others) {
    await assert.rejects(keepPlace(store, other, undefined), { reason: 'DatabaseMoved' });
    await keepPlace(store, other, placeWord(other));
    await keepPlace(store, place, placeWord(place));
  }
  const inContainer = await databasePlace(join(folder, 'openshell.db'), {
    KUBERNETES_SERVICE_HOST: '10.0.0.1',
  });
  assert.equal(inContainer.machine, '');
});
