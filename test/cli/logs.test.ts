import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './support/eventually.js';
import { gatewayForTest } from './support/gateway-for-test.js';
import { logEvent, logLine, ready } from './support/sandboxes.js';

test('logs asks for the lines that were meant', async (t) => {
  const requests: Record<string, unknown>[] = [];
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    getSandboxLogs: (request) => {
      requests.push({ ...request });
      return { logs: [logLine('hello'), logLine('bad\x1b[2J', 'stderr')] };
    },
  });
  const { stdout } = await gateway.run(['logs', 'box']);
  assert.equal(
    stdout,
    '1970-01-01T00:00:00.001Z INFO  [sandbox stdout] hello\n' +
      '1970-01-01T00:00:00.001Z INFO  [sandbox stderr] bad\\x1b[2J\n',
  );
  const before = Date.now();
  await gateway.run(['logs', 'box', '-n', '7', '--since', '5m', '--source', 'sandbox', '--level', 'warn']);
  const [plain, chosen] = requests;
  assert.deepEqual(
    [plain?.sandboxId, plain?.lines, plain?.sinceMs, plain?.sources, plain?.minLevel],
    ['id-of-box', 200, 0n, [], ''],
  );
  assert.deepEqual([chosen?.lines, chosen?.sources, chosen?.minLevel], [7, ['sandbox'], 'WARN']);
  const ageMs = before - Number(chosen?.sinceMs);
  assert.ok(ageMs > 270_000 && ageMs <= 300_000, `${ageMs} ms`);
});

test('logs --tail follows until Ctrl-C', async (t) => {
  let request: Record<string, unknown> = {};
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    watchSandbox: async (got, stream) => {
      request = { ...got };
      stream.send(logEvent('first'));
      await stream.cancelled;
    },
  });
  const client = gateway.start(['logs', 'box', '--tail', '-n', '3']);
  await eventually('a line', () => client.stdout().includes('first'));
  assert.deepEqual([request.followLogs, request.followStatus, request.logTailLines], [true, false, 3]);
  client.child.kill('SIGINT');
  const { code, stderr } = await client.result;
  assert.deepEqual([code, stderr], [130, '']);
});
