import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { LABEL } from '../../dist/compute/labels.js';
import { dockerBed } from '../conformance/docker-bed.js';
import { podmanSocket } from '../conformance/podman-api.js';
import { podmanBed } from '../conformance/podman-bed.js';
import { skipWithout } from '../support/engines.js';
import { tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import { cli, startGatewayProcess } from './process.js';

const beds = { podman: await podmanBed('rootful'), docker: dockerBed() };
const skips = Object.values(beds).map(async (bed) => skipWithout(bed.name, await bed.unavailable()));

test('one gateway on both engines, each with its own sandboxes', {
  skip: (await Promise.all(skips)).find((skip) => skip !== false),
  timeout: 240_000,
}, async () => {
  const gatewayId = randomUUID();
  const folder = tempFolder();
  const gateway = await startGatewayProcess({
    folder: folder.path,
    config: `
[openshell.gateway]
compute_drivers = ["podman", "docker"]
gateway_id = "${gatewayId}"
[openshell.drivers.podman]
engine_socket = "${podmanSocket('rootful')}"
`,
  });
  const openshell = (...args: string[]) => cli(gateway, folder.path, args);
  const names = async (engine: keyof typeof beds) =>
    [
      ...new Set(
        (await beds[engine].objects(gatewayId)).flatMap(({ labels }) => labels[LABEL.sandboxName] ?? []),
      ),
    ].sort();
  try {
    for (const engine of ['podman', 'docker'] as const) {
      const image = beds[engine].images.shell;
      const options = ['--name', `on-${engine}`, '--driver', engine, '--from', image];
      const created = await openshell('sandbox', 'create', ...options, '--', 'sleep', '600');
      assert.equal(created.exitCode, 0, created.stderr);
    }
    assert.deepEqual(await names('podman'), ['on-podman']);
    assert.deepEqual(await names('docker'), ['on-docker']);
    for (const engine of ['podman', 'docker'] as const) {
      const ran = await openshell('sandbox', 'exec', '-n', `on-${engine}`, '--', 'echo', engine);
      assert.deepEqual([ran.exitCode, ran.stdout], [0, `${engine}\n`], ran.stderr);
    }
    const left = await openshell('sandbox', 'delete', 'on-docker');
    assert.equal(left.exitCode, 0, left.stderr);
    await eventually('Docker has none left', async () => (await names('docker')).length === 0, 60_000);
    assert.deepEqual(await names('podman'), ['on-podman']);
  } finally {
    await gateway.stop();
    for (const bed of Object.values(beds)) {
      await bed.cleanup(gatewayId);
    }
    folder.remove();
  }
});
