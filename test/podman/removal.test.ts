import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../dist/compute/log.js';
import { createHostAccess } from '../../dist/drivers/container/host-access.js';
import { engineCeilings } from '../../dist/drivers/container/limits.js';
import { containerName } from '../../dist/drivers/container/names.js';
import type { PodmanClient } from '../../dist/drivers/podman/api/client.js';
import { createPodmanDriver } from '../../dist/drivers/podman/driver.js';
import { readHost } from '../../dist/drivers/podman/host.js';
import { podmanSettings } from '../../dist/drivers/podman/settings.js';
import { tableOf } from '../support/driver-context.js';
import { aSandbox } from '../support/sandboxes.js';
import { GATEWAY_ID, info } from './plan.js';

test('what a killed service left in storage is removed by its name, what it shows under the name is not', async () => {
  const sandbox = aSandbox('image:1');
  const left = new Set([containerName(sandbox)]);
  const shown = new Set(left);
  const client = {
    listContainers: async () => [],
    listSecrets: async () => [],
    listVolumes: async () => [],
    listNetworks: async () => [],
    inspectContainer: async (name: string) => (shown.has(name) ? {} : undefined),
    removeContainer: async (name: string) => left.delete(name),
  } as unknown as PodmanClient;
  const settings = tableOf(podmanSettings);
  const owner = { gatewayId: GATEWAY_ID, version: 'test' };
  const host = readHost(info());
  const userns = { mode: undefined, uidMap: [], gidMap: [] };
  const driver = createPodmanDriver({
    client,
    hostAccess: createHostAccess({ allowed: true, env: {}, log: silentLogger }),
    dependencies: {
      owner,
      settings,
      userns,
      host,
      ceilings: engineCeilings(settings, host.size, 'podman'),
      diskBytes: undefined,
    },
    context: { env: {}, log: silentLogger },
  });
  const { signal } = new AbortController();
  assert.equal(await driver.delete(sandbox, { signal }), false);
  assert.equal(left.size, 1, "another's container with this name is left alone");
  shown.clear();
  assert.equal(await driver.delete(sandbox, { signal }), true);
  assert.equal(left.size, 0);
  assert.equal(await driver.delete(sandbox, { signal }), false);
});
