import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { databasePath, storeWithDefault } from './records.js';

const ROUNDS = Number(process.env.OPENSHELL_CRASH_ROUNDS ?? 5);
const WRITER = fileURLToPath(new URL('./crash-writer.js', import.meta.url));

/** Lets a writer run until it was promised `count` writes, kills it, and gives all that it was promised. */
async function writeAndKill(path: string, round: number, count: number): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const exited = once(child, 'exit');
  const promised: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    promised.push(line);
    if (promised.length === count) {
      child.kill('SIGKILL');
    }
  }
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  assert.ok(promised.length >= count, `the writer of round ${round} ended early`);
  return promised;
}

test(`kill -9 while writing loses nothing that was promised (${ROUNDS} rounds)`, async (t) => {
  const path = databasePath(t);
  await (await storeWithDefault(t, path)).close();
  for (let round = 0; round < ROUNDS; round++) {
    const promised = await writeAndKill(path, round, 1 + Math.floor(Math.random() * 200));
    const store = await openStore({ path });
    for (const line of promised) {
      const [what, id] = line.split(' ') as [string, string];
      const row = await store.getSandbox(id);
      const grave = await store.getTombstone(id);
      assert.equal(row === undefined, grave !== undefined, `${line}: a row or a tombstone, not both or none`);
      if (what === 'remove') {
        assert.notEqual(grave, undefined, line);
      }
      if (what === 'update') {
        assert.ok(row === undefined || row.phase === 'running', line);
      }
    }
    const rows = await store.listSandboxes({});
    const labelled = await store.listSandboxes({ selector: new Map([['round', String(round)]]) });
    assert.equal(labelled.length, rows.filter((row) => row.labels.round === String(round)).length);
    await store.close();
  }
});
