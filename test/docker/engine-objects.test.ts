import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Code } from '../../dist/compute/errors.js';
import { run } from '../support/run.js';
import { aSandbox } from '../support/sandboxes.js';
import { eventually } from '../support/wait.js';
import { docker, onDocker } from './real-engine.js';

await onDocker('docker: networks, volumes and mounts', ({ check, bed }) => {
  check('the network is made without traffic between sandboxes', async ({ running, driver }) => {
    const [one, two] = [await running(), await running()];
    const network = JSON.parse(docker(['network', 'inspect', 'openshell-docker']))[0];
    assert.equal(network.Options['com.docker.network.bridge.enable_icc'], 'false');
    assert.equal(network.Labels['openshell.ai/managed-by'], 'openshell');
    const { stdout } = await run(driver, one, ['hostname', '-i']);
    const ping = await run(driver, two, ['nc', '-w', '1', stdout.trim(), '80']);
    assert.notEqual(ping.exitCode, 0);
  });

  const name = `openshell-test-${randomUUID().slice(0, 8)}`;
  check(
    'a network that somebody removed is made again',
    { settings: { network_name: name } },
    async (desk) => {
      const { running, driver, signal } = desk;
      try {
        const first = await running();
        await driver.delete(first, { signal });
        docker(['network', 'rm', name]);
        await running().then((second) => driver.delete(second, { signal }));
      } finally {
        docker(['network', 'rm', name]);
      }
    },
  );

  check('no network at all', { settings: { network_name: 'none' } }, async ({ running, driver }) => {
    const sandbox = await running();
    const { stdout } = await run(driver, sandbox, ['ls', '/sys/class/net']);
    assert.equal(stdout.trim(), 'lo');
  });

  check(
    'a volume must exist, and is kept',
    { settings: { allowed_volumes: ['openshell-test-*'] } },
    async (desk) => {
      const { driver, running, signal } = desk;
      const volume = `openshell-test-${randomUUID().slice(0, 8)}`;
      const driverConfig = {
        mounts: [{ type: 'volume', source: volume, target: '/data', read_only: false }],
      };
      const refusal = { code: Code.FAILED_PRECONDITION, message: new RegExp(volume) };
      const sandbox = aSandbox(bed.images.shell, { template: { driverConfig } });
      await assert.rejects(driver.validateCreate(sandbox, { signal }), refusal);
      await assert.rejects(driver.create(sandbox, { signal }), refusal);
      docker(['volume', 'create', volume]);
      try {
        const made = await running({ template: { driverConfig } });
        assert.equal((await run(driver, made, ['touch', '/data/file'])).exitCode, 0);
        const [major = 0] = docker(['version', '--format', '{{.Server.Version}}']).split('.').map(Number);
        if (major < 26) {
          const mounts = driverConfig.mounts.map((mount) => ({ ...mount, subpath: 'part' }));
          const partly = aSandbox(bed.images.shell, { template: { driverConfig: { mounts } } });
          await assert.rejects(driver.validateCreate(partly, { signal }), { message: /only as a whole/ });
        }
        await driver.delete(made, { signal });
        assert.equal(docker(['volume', 'ls', '-q', '--filter', `name=${volume}`]), volume);
      } finally {
        docker(['volume', 'rm', volume]);
      }
    },
  );

  check(
    'a folder of the host where it is allowed',
    { settings: { enable_bind_mounts: true } },
    async (desk) => {
      const mounts = [{ type: 'bind', source: '/etc', target: '/host-etc' }];
      const sandbox = await desk.running({ template: { driverConfig: { mounts } } });
      assert.equal((await run(desk.driver, sandbox, ['test', '-f', '/host-etc/passwd'])).exitCode, 0);
      assert.notEqual((await run(desk.driver, sandbox, ['touch', '/host-etc/x'])).exitCode, 0, 'read-only');
      const missing = [{ type: 'bind', source: '/no/such/folder', target: '/x' }];
      await assert.rejects(
        desk.driver.create(aSandbox(bed.images.shell, { template: { driverConfig: { mounts: missing } } }), {
          signal: desk.signal,
        }),
        { code: Code.INVALID_ARGUMENT, reason: 'ContainerCreateFailed' },
      );
    },
  );

  check('a tmpfs of a size', async ({ running, driver }) => {
    const mounts = [{ type: 'tmpfs', target: '/scratch', size_bytes: 1_048_576, options: ['noexec'] }];
    const sandbox = await running({ template: { driverConfig: { mounts } } });
    const filled = await run(driver, sandbox, ['dd', 'if=/dev/zero', 'of=/scratch/file', 'bs=1M', 'count=2']);
    assert.match(filled.stderr, /No space left/);
    const { stdout } = await run(driver, sandbox, ['cat', '/proc/mounts']);
    assert.match(stdout, /\/scratch tmpfs rw,nosuid,nodev,noexec/);
  });

  check('a GPU where there is none', async ({ driver, signal }) => {
    const sandbox = aSandbox(bed.images.shell, { gpu: { count: 1 } });
    const refusal = { code: Code.FAILED_PRECONDITION, reason: 'GpuUnavailable' };
    await assert.rejects(driver.validateCreate(sandbox, { signal }), refusal);
  });

  check(
    'what a cut-off create has left goes with the delete',
    async ({ driver, signal, gatewayId, watch }) => {
      const sandbox = aSandbox(bed.images.shell);
      const label = (key: string, value: string) => ['--label', `openshell.ai/${key}=${value}`];
      const labels = [...label('gateway-id', gatewayId), ...label('sandbox-id', sandbox.id)];
      docker(['volume', 'create', ...labels, `left-${sandbox.id}`]);
      docker(['create', ...labels, ...label('helper', 'true'), bed.images.shell, 'true']);
      assert.equal(await driver.get(sandbox, { signal }), undefined, 'a helper is no sandbox');
      assert.equal(await driver.delete(sandbox, { signal }), true);
      await eventually('nothing is left', async () => (await bed.objects(gatewayId)).length === 0);
      docker(['create', ...labels, bed.images.shell, 'true']);
      const got = await driver.get(sandbox, { signal });
      assert.equal(got?.status.instanceId, '', 'it was never started');
      assert.equal(await driver.delete(sandbox, { signal }), true);
      await watch.seesDeleted(sandbox.id);
    },
  );
});
