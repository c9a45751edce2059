import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/wait.js';
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

test('logs -o json writes one object a line, with --tail too, and nothing that steers a terminal', async (t) => {
  const hostile = 'two\nlines \x1b[2J \x9b2J \u2028 \u202e "quoted" \ud83d\ude00';
  const lines = [
    { ...logLine('hello'), fields: { user: 'a=b' } },
    { ...logLine(hostile, 'stderr'), timestampMs: 2n ** 60n },
  ];
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    getSandboxLogs: () => ({ logs: lines }),
    watchSandbox: async (_, stream) => {
      for (const value of lines) {
        stream.send({ payload: { case: 'log', value } });
      }
      stream.send({ payload: { case: 'warning', value: { message: 'lines were left out' } } });
      await stream.cancelled;
    },
  });
  const shown = {
    sandbox_id: 'id-of-box',
    timestamp_ms: 1,
    level: 'INFO',
    target: 'stdout',
    message: 'hello',
    source: 'sandbox',
    fields: { user: 'a=b' },
  };
  const stderrLine = { target: 'stderr', message: hostile, timestamp_ms: '1152921504606846976', fields: {} };
  const check = (output: string) => {
    assert.match(output, /^[^\p{Cc}\u2028\u202e]*\n[^\p{Cc}\u2028\u202e]*\n$/u);
    const [first = '', second = ''] = output.split('\n');
    assert.deepEqual(JSON.parse(first), shown);
    assert.deepEqual(JSON.parse(second), { ...shown, ...stderrLine });
  };
  const { code, stdout, stderr } = await gateway.run(['logs', 'box', '-o', 'json']);
  assert.deepEqual([code, stderr], [0, '']);
  check(stdout);
  const client = gateway.start(['logs', 'box', '--output=json', '--tail']);
  await eventually('the warning', () => client.stderr() === 'warning: lines were left out\n');
  client.child.kill('SIGINT');
  assert.equal((await client.result).code, 130);
  check(client.stdout());
  assert.equal((await gateway.run(['logs', 'box', '-o', 'yaml'])).code, 2);
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
