import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { probeCluster } from '../../dist/drivers/kubernetes/probe.js';
import { tempFolder } from '../support/folder.js';
import { listen } from '../support/listen.js';
import { defaults } from './fixtures.js';

test('a server that says nothing until the probe is cut off is named', async (t) => {
  const asked = new AbortController();
  const server = http.createServer(() => asked.abort(new DOMException('over', 'TimeoutError')));
  const port = await listen(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${port}`;
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  const kubeconfig = join(folder, 'config');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [{ name: 'c', cluster: { server: origin, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));

  const found = await probeCluster(defaults({ kubeconfig }), asked.signal);
  assert.ok(found.state === 'unavailable');
  assert.equal(found.reason, `the API server ${origin} did not answer in time`);
  assert.match(found.tried?.[0] ?? '', /^kubeconfig /);
});
