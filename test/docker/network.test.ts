import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LABEL } from '../../dist/compute/labels.js';
import { silentLogger } from '../../dist/compute/log.js';
import type { DockerClient } from '../../dist/drivers/docker/api/client.js';
import { createNetwork } from '../../dist/drivers/docker/network.js';

function network(Id: string, Created: string, Labels = { [LABEL.managedBy]: 'openshell' }) {
  const Options = { 'com.docker.network.bridge.enable_icc': 'false' };
  return { Id, Created, Labels, Options, Name: 'boxes', Driver: 'bridge' };
}

test('of two networks with one name, made by gateways that started at once, the older one stays', async () => {
  const networks = new Map(
    [
      network('c'.repeat(12), '2026-11-29T12:00:01Z'),
      network('a'.repeat(12), '2026-11-29T12:00:02Z'),
      { ...network('b'.repeat(12), '2026-11-29T12:00:00Z'), Name: 'boxes-of-others' },
      network('d'.repeat(12), '2026-11-29T12:00:03Z', { other: 'somebody' } as never),
    ].map((one) => [one.Id, one]),
  );
  const client = {
    call: (_what: string, body: (signal: AbortSignal) => Promise<unknown>) =>
      body(new AbortController().signal),
    docker: {
      // A filter by name takes a part of it.
      listNetworks: async () => [...networks.values()],
      getNetwork: (id: string) => ({ remove: async () => void networks.delete(id) }),
    },
  } as unknown as DockerClient;
  const bridges: string[] = [];
  const made = createNetwork({
    client,
    name: 'boxes',
    hostAccess: { keep: async (bridge) => void bridges.push(bridge ?? ''), confirm: () => {} },
    hostAllowed: false,
    log: silentLogger,
  });
  await made.ensure();
  assert.deepEqual(bridges, ['br-cccccccccccc']);
  assert.deepEqual(
    [...networks.keys()].sort(),
    ['b', 'c', 'd'].map((letter) => letter.repeat(12)),
  );
});
