import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import type { SandboxRecord } from '../../dist/store/model.js';
import type { Store } from '../../dist/store/store.js';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.js';
import { sandbox, workspace } from './records.js';

function smallDisk(t: TestContext): (SmallDisk & { readonly path: string }) | undefined {
  const disk = mountSmallDisk(t, 16);
  return disk && { ...disk, path: join(disk.folder, 'openshell.db') };
}

async function openHere(t: TestContext, path: string): Promise<Store> {
  const store = await openStore({ path });
  t.after(() => store.close());
  return store;
}

function big(id: string) {
  return sandbox(id, { message: 'm'.repeat(8000), labels: { app: 'web', id } });
}

async function insertMany(store: Store, name: string, count: number): Promise<SandboxRecord[]> {
  const rows: SandboxRecord[] = [];
  for (let i = 0; i < count; i++) {
    rows.push(await store.insertSandbox(big(`${name}-${i}`)));
  }
  return rows;
}

async function insertUntilFull(store: Store): Promise<{ stored: SandboxRecord[]; failure: OpenShellError }> {
  const stored: SandboxRecord[] = [];
  for (let i = 0; i < 1_000; i++) {
    try {
      stored.push(await store.insertSandbox(big(`late-${i}`)));
    } catch (error) {
      return { stored, failure: OpenShellError.from(error) };
    }
  }
  throw new Error('the disk is not full');
}

function ids(rows: readonly SandboxRecord[]): string[] {
  return rows.map((row) => row.id).sort();
}

test('a full disk refuses creates, keeps what was stored, and nothing is half-written', async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) {
    return;
  }
  const ballast = disk.fill();
  await assert.rejects(openStore({ path: disk.path }), {
    code: Code.RESOURCE_EXHAUSTED,
    reason: 'StoreFull',
  });
  writeFileSync(ballast, Buffer.alloc(4 * 1024 * 1024, 1));

  const store = await openHere(t, disk.path);
  await store.insertWorkspace(workspace('default'));
  const { stored, failure } = await insertUntilFull(store);
  assert.ok(stored.length > 0);
  assert.equal(failure.code, Code.RESOURCE_EXHAUSTED);
  assert.equal(failure.reason, 'StoreFull');
  assert.match(failure.text, /openshell\.db; free space on its file system/);
  const together = await Promise.allSettled(['x', 'y'].map((id) => store.insertSandbox(big(id))));
  assert.ok(together.every((result) => result.status === 'rejected'));
  assert.deepEqual(ids(await store.listSandboxes({})), ids(stored));
  assert.deepEqual(ids(await store.listSandboxes({ selector: new Map([['app', 'web']]) })), ids(stored));

  rmSync(ballast);
  await store.close();
  const again = await openHere(t, disk.path);
  assert.deepEqual(ids(await again.listSandboxes({})), ids(stored));
});

/** How many pages the log of writes holds, and how many are free, decides which way there is to room. */
const moments = [0, 1, 5, 20, 45].flatMap((count) => [0, 3, 12].map((pages) => ({ count, pages })));

for (const { count, pages } of moments) {
  test(`on a full disk what exists is changed and removed (${count} rows before, ${pages} pages left)`, async (t) => {
    const disk = smallDisk(t);
    if (disk === undefined) {
      return;
    }
    const store = await openHere(t, disk.path);
    await store.insertWorkspace(workspace('default'));
    const before = await insertMany(store, 'early', count);
    const spare = join(disk.folder, 'spare');
    writeFileSync(spare, Buffer.alloc(pages * 4096, 1));
    const ballast = disk.fill();
    rmSync(spare);

    const { stored, failure } = await insertUntilFull(store);
    assert.equal(failure.reason, 'StoreFull');
    const rows = [...before, ...stored];
    for (const row of rows) {
      const message = 'n'.repeat(8200);
      const { resourceVersion } = await store.updateSandbox(row.id, row.resourceVersion, {
        phase: 'stopped',
        message,
      });
      await store.updateSandbox(row.id, resourceVersion, { phase: 'deleting', message });
    }
    for (const { id } of rows) {
      assert.equal(await store.removeSandbox(id, 1), true);
    }
    assert.deepEqual(await store.listSandboxes({}), []);

    rmSync(ballast);
    await store.insertSandbox(big('after'));
    assert.ok(existsSync(`${disk.path}-reserve`), 'the reserve is there for the next time');
  });
}

test('a store that is opened on a full disk removes what exists and refuses what is new', async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) {
    return;
  }
  const first = await openStore({ path: disk.path });
  await first.insertWorkspace(workspace('default'));
  const rows = await insertMany(first, 'early', 3);
  await first.close();
  const ballast = disk.fill();

  const store = await openHere(t, disk.path);
  for (const { id } of rows) {
    assert.equal(await store.removeSandbox(id, 1), true);
  }
  await assert.rejects(store.insertSandbox(big('new')), { reason: 'StoreFull' });
  rmSync(ballast);
  await store.insertSandbox(big('new'));
});

function largest(i: number) {
  const { spec } = sandbox('x');
  const labels = Object.fromEntries(
    Array.from({ length: 128 }, (_, k) => [`${k}`.padEnd(250, 'k'), 'v'.repeat(63)]),
  );
  const environment = { TOKEN: 'x'.repeat(i % 2 ? 1000 : 100_000) };
  return sandbox(`s${i}`, { labels, spec: { ...spec, environment, command: ['x'.repeat(100_000)] } });
}

/** What is left when the log can still grow, and the database cannot. */
for (const spareKib of [0, 700, 2500, 24_000]) {
  test(`on a full disk the largest rows are changed and removed (${spareKib} KiB left)`, async (t) => {
    const disk = mountSmallDisk(t, 64);
    if (disk === undefined) {
      return;
    }
    const store = await openHere(t, join(disk.folder, 'openshell.db'));
    await store.insertWorkspace(workspace('default'));
    const rows: SandboxRecord[] = [];
    for (let i = 0; i < 6; i++) {
      rows.push(await store.insertSandbox(largest(i)));
    }
    const spare = join(disk.folder, 'spare');
    writeFileSync(spare, Buffer.alloc(spareKib * 1024, 1));
    const ballast = disk.fill();
    rmSync(spare);
    // At once, so that they share commits as far as they may.
    const late = await Promise.allSettled(
      Array.from({ length: 64 }, (_, i) => store.insertSandbox(largest(100 + i))),
    );
    for (const one of late) {
      if (one.status === 'fulfilled') {
        rows.push(one.value);
      } else {
        assert.equal(OpenShellError.from(one.reason).reason, 'StoreFull');
      }
    }
    const message = 'm'.repeat(1500);
    const changed = await Promise.all(
      rows.map((row) => store.updateSandbox(row.id, row.resourceVersion, { phase: 'deleting', message })),
    );
    for (const { id } of changed) {
      assert.equal(await store.removeSandbox(id, 1), true);
    }
    assert.deepEqual(await store.listSandboxes({}), []);
    rmSync(ballast);
    await store.insertSandbox(largest(1));
  });
}

test('on a full disk rows go that are larger than any may be made today', async (t) => {
  const disk = mountSmallDisk(t, 64);
  if (disk === undefined) {
    return;
  }
  const path = join(disk.folder, 'openshell.db');
  const { spec } = sandbox('x');
  const huge = (id: string) => sandbox(id, { spec: { ...spec, command: ['x'.repeat(1024 * 1024)] } });
  const first = await openStore({ path });
  await first.insertWorkspace(workspace('default'));
  for (const id of ['a', 'b', 'c']) {
    await first.insertSandbox(huge(id));
  }
  await first.close();
  const store = await openHere(t, path);
  disk.fill();
  for (const id of ['a', 'b', 'c']) {
    await store.updateSandbox(id, 1, { phase: 'deleting' });
    assert.equal(await store.removeSandbox(id, 1), true);
  }
});
