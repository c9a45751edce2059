import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import type { SandboxRecord } from '../../dist/store/model.js';
import { openStore } from '../../dist/store/sqlite/open-store.js';
import type { Store } from '../../dist/store/store.js';
import { sandbox, workspace } from './records.js';

/** Mounts a file system of 1 MiB at `folder`; why not, when that is not possible. */
const mountSmall = (folder: string): string | undefined => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `a small file system cannot be mounted here: ${(error as Error).message}`;
  }
};

const big = (id: string) => sandbox(id, { message: 'm'.repeat(8000), labels: { app: 'web', id } });

const fill = async (store: Store): Promise<{ stored: string[]; failure: OpenShellError }> => {
  const stored: string[] = [];
  for (let i = 0; i < 200; i++) {
    try {
      stored.push((await store.insertSandbox(big(`sandbox-${i}`))).id);
    } catch (error) {
      return { stored: stored.sort(), failure: OpenShellError.from(error) };
    }
  }
  throw new Error('the disk is not full');
};

const idsOf = async (rows: Promise<SandboxRecord[]>) => (await rows).map((row) => row.id).sort();

const fillAndRecover = async (folder: string): Promise<void> => {
  const path = join(folder, 'openshell.db');
  const ballast = join(folder, 'ballast');
  writeFileSync(ballast, Buffer.alloc(1024 * 1024 - 8 * 4096));
  await assert.rejects(openStore({ path }), { code: Code.RESOURCE_EXHAUSTED, reason: 'StoreFull' });
  writeFileSync(ballast, Buffer.alloc(256 * 1024));
  const store = await openStore({ path });
  const reopened: Store[] = [store];
  try {
    await store.insertWorkspace(workspace('default'));
    const { stored, failure } = await fill(store);
    assert.ok(stored.length > 0);
    assert.equal(failure.code, Code.RESOURCE_EXHAUSTED);
    assert.equal(failure.reason, 'StoreFull');
    assert.match(failure.text, /openshell\.db; free space on its file system/);
    const together = await Promise.allSettled(['x', 'y'].map((id) => store.insertSandbox(big(id))));
    assert.ok(together.every((result) => result.status === 'rejected'));
    assert.deepEqual(await idsOf(store.listSandboxes({})), stored);
    assert.deepEqual(await idsOf(store.listSandboxes({ selector: new Map([['app', 'web']]) })), stored);

    rmSync(ballast);
    await store.insertSandbox(sandbox('after'));
    await store.close();
    const again = await openStore({ path });
    reopened.push(again);
    assert.deepEqual(await idsOf(again.listSandboxes({})), ['after', ...stored]);
  } finally {
    for (const one of reopened) await one.close();
  }
};

test('a full disk refuses writes, keeps what was stored, and nothing is half-written', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openshell-full-'));
  t.after(() => rmdirSync(folder));
  const obstacle = mountSmall(folder);
  if (obstacle !== undefined) return t.skip(obstacle);
  try {
    await fillAndRecover(folder);
  } finally {
    // Lazily: on Node 20 a closed database keeps its file open until its statements were collected as garbage.
    execFileSync('umount', ['-l', folder]);
  }
});
