import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetricsRegistry } from '../../dist/gateway/observe/metrics.js';

test('counters, gauges and histograms in the text format', async () => {
  const registry = createMetricsRegistry();
  const calls = registry.counter('calls_total', 'Calls.', ['method', 'code']);
  registry.counter('resets_total', 'Without labels.', []).add([]);
  registry.gauge('boxes', 'Boxes.', ['phase'], async () => [
    [['running'], 2],
    [['stopped'], 0],
  ]);
  const took = registry.histogram('took_seconds', 'Time.', ['method'], [0.1, 1]);
  calls.add(['get', '0']);
  calls.add(['get', '0'], 2);
  calls.add(['get', '5']);
  for (const value of [0.05, 0.1, 0.5, 7]) {
    took.observe(['get'], value);
  }
  assert.equal(
    await registry.render(),
    `# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{method="get",code="0"} 3
calls_total{method="get",code="5"} 1
# HELP resets_total Without labels.
# TYPE resets_total counter
resets_total 1
# HELP boxes Boxes.
# TYPE boxes gauge
boxes{phase="running"} 2
boxes{phase="stopped"} 0
# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{method="get",le="0.1"} 2
took_seconds_bucket{method="get",le="1"} 3
took_seconds_bucket{method="get",le="+Inf"} 4
took_seconds_sum{method="get"} 7.65
took_seconds_count{method="get"} 4
`,
  );
});

test('labels and help are escaped, so that no value can add a line or a label', async () => {
  const registry = createMetricsRegistry();
  registry.counter('c', 'one\nline \\ "here"', ['name']).add(['a"} 1\nevil{x="\\']);
  assert.equal(
    await registry.render(),
    '# HELP c one\\nline \\\\ "here"\n# TYPE c counter\nc{name="a\\"} 1\\nevil{x=\\"\\\\"} 1\n',
  );
});

test('label values that look alike when joined are series of their own', async () => {
  const registry = createMetricsRegistry();
  const took = registry.histogram('h', 'H.', ['a', 'b'], []);
  took.observe(['x,', 'y'], 1);
  took.observe(['x', ',y'], 1);
  assert.equal((await registry.render()).match(/h_count/g)?.length, 2);
});

test('a gauge that cannot be read leaves the others in the scrape', async () => {
  const registry = createMetricsRegistry();
  registry.gauge('broken', 'B.', [], () => Promise.reject(new Error('no database')));
  registry.gauge('whole', 'W.', [], async () => [[[], 1]]);
  assert.match(
    await registry.render(),
    /# TYPE broken gauge\n# HELP whole W\.\n# TYPE whole gauge\nwhole 1\n/,
  );
});
