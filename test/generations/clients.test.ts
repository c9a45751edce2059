import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import { methods as v00 } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { eventually } from '../support/wait.js';
import { type ClientBed, dockerBed, memoryBed, withoutDocker } from './bed.js';
import { clientMissing, runClient } from './python-client.js';

const V00 = '0.0.116';
const V01 = '0.1.5';

function on(bed: () => Promise<ClientBed>, run: (bed: ClientBed) => Promise<unknown>) {
  return async (t: TestContext) => {
    for (const version of [V00, V01]) {
      const missing = await clientMissing(version);
      if (missing !== undefined) {
        return t.skip(missing);
      }
    }
    const opened = await bed();
    try {
      await run(opened);
    } finally {
      await opened.close();
    }
  };
}

/** Each lives its whole life at the same time as the other. */
async function both({ endpoint, image, env }: ClientBed) {
  await Promise.all([
    runClient(V00, 'v00.py', [endpoint, image, 'old'], env),
    runClient(V01, 'v01.py', [endpoint, image, 'new'], env),
  ]);
}

const onDocker = { skip: await withoutDocker() };

test(`SDK ${V00} and SDK ${V01} at once, on an engine in memory`, on(memoryBed, both));

test(`SDK ${V00} and SDK ${V01} at once, against the built gateway on Docker`, onDocker, on(dockerBed, both));

test(
  "each SDK sees the other's sandboxes in its own words",
  on(memoryBed, async ({ endpoint }) => {
    const client = createRpcClient(endpoint);
    try {
      await client.unary(v00.createSandbox, { name: 'by-old', spec: { command: ['exit', '0'] } });
      const workspaceScope = { selection: { case: 'workspace', value: 'default' } } as const;
      await client.unary(v01.createSandbox, { name: 'by-new', workspaceScope, labels: { a: 'b' } });
      await eventually('both settled', async () => {
        const { sandboxes } = await client.unary(v00.listSandboxes, {});
        return sandboxes.every(({ status }) => status?.phase === 2 || status?.phase === 3);
      });
    } finally {
      client.close();
    }
    const seen = async (version: string) =>
      JSON.parse(await runClient(version, 'sees.py', [endpoint, 'by-old', 'by-new']));
    const [old, young] = [await seen(V00), await seen(V01)];
    const ERROR = 3;
    const READY = 2;
    const COMPLETED = 9;
    assert.deepEqual(old.map(phase), [ERROR, READY]);
    assert.deepEqual(young.map(phase), [COMPLETED, READY]);
    assert.deepEqual(old.map(id), young.map(id));
    assert.deepEqual(old[1].labels, { a: 'b' });
  }),
);

function phase(sandbox: { phase: number }) {
  return sandbox.phase;
}

function id(sandbox: { id: string }) {
  return sandbox.id;
}
