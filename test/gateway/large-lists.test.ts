import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { before, after as end, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { rowsOf } from '../../dist/gateway/lifecycle/in-turns.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import type { RpcClient } from '../../dist/rpc/client/contract.js';
import type { Store } from '../../dist/store/store.js';
import { methods as v00 } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { sandbox, workspace } from '../store/records.js';
import { type TempFolder, tempFolder } from '../support/folder.js';

const ROWS = 1000;
const PAGE_BYTES = 4 * 1024 * 1024;
const MIB = 1024 * 1024;
/** Of work of its own. 60 to 100 ms are measured; before lists were read in parts it was seconds. */
const HELD_MS = 500;
/** Of what is held: 25 are measured; 1,000 rows at once are 250 and what they become. */
const GROWTH_MIB = 96;

interface Measured {
  readonly heldMs: number;
  readonly grownMib: number;
}

function words(count: number, size: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v'.repeat(size)]));
}

/** 256 KiB in all: of each kind a part. */
function largest(i: number) {
  const { spec } = sandbox('x');
  return sandbox(`s${i}`, {
    driver: 'fake',
    phase: 'failed',
    createdAtMs: i,
    annotations: words(8, 8000),
    spec: {
      ...spec,
      environment: words(12, 8000),
      command: ['x'.repeat(90_000)],
      template: { ...spec.template, resources: undefined },
    },
  });
}

let folder: TempFolder;
let gateway: ReturnType<typeof fork>;
let client: RpcClient;
let address = '';

async function measure(): Promise<Measured> {
  gateway.send('measure');
  const [measured] = await once(gateway, 'message');
  return measured as Measured;
}

before(async () => {
  folder = tempFolder();
  const store = await openStore({ path: join(folder.path, 'openshell.db') });
  await store.insertWorkspace(workspace('default'));
  for (let i = 0; i < ROWS; i += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, k) => store.insertSandbox(largest(i + k))));
  }
  await store.close();
  gateway = fork(join(import.meta.dirname, 'measured-gateway.js'), [folder.path]);
  [address] = (await once(gateway, 'message')) as [string];
  // As every client is unless it is told otherwise: larger answers are refused.
  client = createRpcClient(address, {
    maxAnswerBytes: PAGE_BYTES,
  });
});
end(async () => {
  client.close();
  gateway.kill('SIGKILL');
  folder.remove();
});

test('sandboxes of the largest size are listed in pages of 4 MiB, without a standstill and in little memory', async (t) => {
  await client.unary(v01.listSandboxes, { pageSize: 1, ...scope });
  await measure();
  const names: string[] = [];
  let pageToken = '';
  do {
    const page = await client.unary(v01.listSandboxes, { pageSize: 1000, pageToken, ...scope });
    names.push(...page.sandboxes.map(({ metadata }) => metadata?.name ?? ''));
    assert.ok(v01.listSandboxes.encodeResponse(page).length <= PAGE_BYTES);
    for (const { spec } of page.sandboxes) {
      assert.deepEqual(spec?.environment, {});
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  assert.equal(new Set(names).size, ROWS);
  assert.equal(names.length, ROWS);
  const { heldMs, grownMib } = await measure();
  t.diagnostic(`held for ${Math.round(heldMs)} ms`);
  assert.ok(heldMs < HELD_MS, `the event loop was held for ${heldMs} ms`);
  t.diagnostic(`grown by ${Math.round(grownMib)} MiB`);
  assert.ok(grownMib < GROWTH_MIB, `${grownMib} MiB`);
});

const scope = { workspaceScope: { selection: { case: 'workspace' as const, value: 'default' } } };

test('a client of generation 0.0 gets fewer rows than it asks for, and goes on behind them', async (t) => {
  const names: string[] = [];
  for (;;) {
    const { sandboxes } = await client.unary(v00.listSandboxes, { limit: 1000, offset: names.length });
    if (sandboxes.length === 0) {
      break;
    }
    assert.ok(sandboxes.length < ROWS);
    names.push(...sandboxes.map(({ metadata }) => metadata?.name ?? ''));
  }
  assert.equal(new Set(names).size, ROWS);
  const { heldMs } = await measure();
  t.diagnostic(`held for ${Math.round(heldMs)} ms`);
  assert.ok(heldMs < HELD_MS, `the event loop was held for ${heldMs} ms`);
});

const refusals: [string, object, RegExp][] = [
  [
    'the bomb of the audit: 110 annotations of control characters',
    {
      annotations: Object.fromEntries(
        Array.from({ length: 110 }, (_, i) => [`k${i}`, '\u0001'.repeat(8190)]),
      ),
    },
    /^annotations\.k0 contains a control character other than a tab/,
  ],
  [
    'annotations of 65 KiB',
    { annotations: words(9, 7500) },
    /^annotations are \d+ bytes in total; at most 65536/,
  ],
  [
    "annotations of 65 KiB, the object's and the template's together",
    { annotations: words(5, 7000), spec: { template: { annotations: words(5, 7000) } } },
    /^annotations are \d+ bytes in total; at most 65536/,
  ],
  [
    'a spec of 257 KiB',
    { spec: { command: ['x'.repeat(200_000)], environment: words(10, 6500) } },
    /^spec is \d+ bytes in total; at most 262144/,
  ],
  [
    'control characters that are six bytes each in the store',
    { spec: { command: ['\u0001'.repeat(50_000)] } },
    /^spec is \d+ bytes in total/,
  ],
  [
    'an image with a control character',
    { spec: { template: { image: 'a\u0007' } } },
    /^spec\.template\.image contains/,
  ],
  [
    'a log level with one',
    { spec: { logLevel: 'a\u0007' } },
    /^spec\.log_level contains a control character/,
  ],
  [
    'a runtime class with one',
    { spec: { template: { runtimeClassName: 'a\u001b' } } },
    /^spec\.template\.runtime_class_name contains/,
  ],
];
for (const [what, request, details] of refusals) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(client.unary(v00.createSandbox, request), {
      code: status.INVALID_ARGUMENT,
      details,
    });
  });
}

test('taken: tabs in annotations, other control characters in variables, and all that just fits', async () => {
  await client.unary(v00.createSandbox, {
    annotations: { tab: 'a\tb' },
    spec: { environment: { PS1: '\u001b[1m$ ' } },
  });
  await client.unary(v00.createSandbox, {
    annotations: words(8, 8000),
    spec: { environment: words(20, 8192), command: ['x'.repeat(20_000)] },
  });
});

test('the reconciler goes through large rows a few at a time, and reads no secrets', async (t) => {
  const other = tempFolder();
  const store = await openStore({ path: join(other.path, 'openshell.db') });
  t.after(async () => {
    await store.close();
    await other.remove();
  });
  await store.insertWorkspace(workspace('default'));
  for (let i = 0; i < 45; i++) {
    await store.insertSandbox(largest(i));
  }
  const reads: string[] = [];
  const spied: Pick<Store, 'listSandboxes'> = {
    async listSandboxes(query) {
      const rows = await store.listSandboxes(query);
      reads.push(JSON.stringify(rows));
      return rows;
    },
  };
  const ids: string[] = [];
  for await (const row of rowsOf(spied as Store, 'fake')) {
    ids.push(row.id);
  }
  assert.deepEqual(
    ids,
    Array.from({ length: 45 }, (_, i) => `s${i}`),
  );
  for (const read of reads) {
    assert.ok(read.length < MIB && !read.includes('"k11":"v'));
  }
});
