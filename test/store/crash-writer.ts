/** Writes to the store at argv[2] until it is killed, and prints each write once the store has promised it. */
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { sandbox } from './records.js';

const store = await openStore({ path: process.argv[2] as string });
const round = process.argv[3] as string;

async function writer(lane: number): Promise<void> {
  for (let i = 0; ; i++) {
    const id = `${round}-${lane}-${i}`;
    await store.insertSandbox(sandbox(id, { labels: { round } }));
    process.stdout.write(`insert ${id}\n`);
    await store.updateSandbox(id, 1, { phase: 'running' });
    process.stdout.write(`update ${id}\n`);
    if (i % 3 !== 0) {
      continue;
    }
    await store.removeSandbox(id, 1);
    process.stdout.write(`remove ${id}\n`);
  }
}

await Promise.all([0, 1, 2, 3].map(writer));
