import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { silentLogger } from '../../dist/compute/log.js';
import { currentTrace, type TraceContext } from '../../dist/compute/trace.js';
import { connectDriver } from '../../dist/remote/client.js';
import { serveDriver } from '../../dist/remote/server.js';
import { readTrace } from '../../dist/rpc/headers.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

const signal = AbortSignal.timeout(60_000);
function traceparentOf(n: number) {
  return `00-${String(n).padStart(32, '0')}-${String(n).padStart(16, '0')}-01`;
}

function headersOf(headers: Readonly<Record<string, string>>) {
  return (name: string) => headers[name];
}

test("a client's trace reaches a driver in another process, each call's own, and also what goes on behind it", async (t) => {
  const engine = createFakeEngine();
  const folder = tempFolder();
  t.after(folder.remove);
  const seen = new Map<string, TraceContext | undefined>();
  engine.before = (call, id) => {
    seen.set(`${call} ${id}`, currentTrace());
  };
  const socketPath = join(folder.path, 'run', 'driver.sock');
  const served = await serveDriver({
    driver: engine.driver(),
    socketPath,
    log: silentLogger,
  });
  t.after(() => served.close());
  const remote = {
    ...engine.entry(),
    load: async () => ({ createDriver: () => connectDriver({ name: 'fake', socketPath, signal }) }),
  };
  const { client, close } = await startTestGateway(folder.path, [remote]);
  t.after(close);

  const create = async (n: number, headers: Readonly<Record<string, string>>) => {
    const name = `s-${n}`;
    const { sandbox } = await client.unary(api.createSandbox, { name }, { headers });
    await eventually(`${name} is ready`, async () => {
      const now = (await client.unary(api.getSandbox, { name })).sandbox;
      return now?.status?.phase === SandboxPhase.READY;
    });
    return sandbox?.metadata?.id ?? '';
  };
  const traced = [1, 2, 3].map((n) => ({ traceparent: traceparentOf(n), tracestate: `vendor=${n}` }));
  const [untraced, odd, ...ids] = await Promise.all([
    create(10, {}),
    create(11, { traceparent: 'not one' }),
    ...traced.map((headers, n) => create(n, headers)),
  ]);
  for (const [n, id] of ids.entries()) {
    assert.deepEqual(seen.get(`validate ${id}`), traced[n]);
    assert.deepEqual(seen.get(`create ${id}`), traced[n]);
  }
  for (const id of [untraced, odd]) {
    assert.equal(seen.get(`create ${id}`), undefined);
  }
});

test('what cannot be a trace is none', () => {
  const traceparent = traceparentOf(7);
  assert.deepEqual(readTrace(headersOf({ traceparent })), { traceparent, tracestate: '' });
  const later = traceparent.replace(/^00/, '01');
  assert.equal(readTrace(headersOf({ traceparent: `${later}-more` }))?.traceparent, `${later}-more`);
  for (const wrong of [
    '',
    traceparent.toUpperCase().replace('01', '0A'),
    traceparentOf(0),
    traceparent.replace(/^00/, 'ff'),
    `${traceparent}-more`,
    `${traceparent} `,
    traceparent.slice(0, -1),
    `01-${'1'.repeat(32)}-${'1'.repeat(16)}-01-${'x'.repeat(600)}`,
  ]) {
    assert.equal(readTrace(headersOf({ traceparent: wrong })), undefined, wrong);
  }
  assert.equal(readTrace(headersOf({ traceparent, tracestate: 'x'.repeat(513) }))?.tracestate, '');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
      const printable = text.replace(/[^\x20-\x7e]/g, '');
      assert.equal(readTrace(headersOf({ traceparent: printable })), undefined);
    }),
  );
});
