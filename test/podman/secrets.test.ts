import assert from 'node:assert/strict';
import type { Json } from '../../dist/compute/sandbox.js';
import { run } from '../support/run.js';
import { aSandbox } from '../support/sandboxes.js';
import { onBothKinds } from './kinds.js';

const SECRETS: Json[] = [
  { value: 'hush-variable', env: 'TOKEN' },
  { value: 'hush-file', path: '/run/keys/token' },
];

await onBothKinds('podman secrets', ({ bed, check, api }) => {
  const secretNames = async (): Promise<string[]> =>
    (await api('GET', '/secrets/json')).body
      .map((secret: { Spec: { Name: string } }) => secret.Spec.Name)
      .sort();

  check(
    'a secret reaches the process, and one in a file not its description',
    async ({ driver, running, signal }) => {
      const before = await secretNames();
      const change = { template: { driverConfig: { secrets: SECRETS } } };
      const sandbox = await running(change, bed.images.nonRoot);
      const { stdout } = await run(driver, sandbox, ['sh', '-c', 'cat /run/keys/token; echo ":$TOKEN"']);
      assert.equal(stdout, 'hush-file:hush-variable\n');
      const name = (await driver.get(sandbox, { signal }))?.status.resourceName;
      const description = JSON.stringify((await api('GET', `/containers/${name}/json`)).body);
      assert.ok(!description.includes('hush-file'), 'the engine shows it to nobody');
      assert.equal((await secretNames()).length, before.length + 2);
      await driver.delete(sandbox, { signal });
      assert.deepEqual(await secretNames(), before);
    },
  );

  check('a create that fails leaves none behind', async ({ driver, signal }) => {
    const before = await secretNames();
    const sandbox = aSandbox(bed.images.noShell ?? '', { template: { driverConfig: { secrets: SECRETS } } });
    sandbox.spec.template.driverConfig.workspace_volume = true;
    await assert.rejects(driver.create(sandbox, { signal }), { reason: 'NoIdleCommand' });
    assert.deepEqual(await secretNames(), before);
  });

  check(
    'what a create left that was cut off goes with the delete',
    async ({ driver, running, signal, gatewayId }) => {
      const before = await secretNames();
      const driverConfig = { secrets: SECRETS, workspace_volume: true };
      const sandbox = await running({ template: { driverConfig } });
      const name = (await driver.get(sandbox, { signal }))?.status.resourceName;
      // As after a crash between the secrets and the container.
      await api('DELETE', `/containers/${name}?force=true&timeout=0`);
      assert.notDeepEqual(await secretNames(), before);
      assert.equal(await driver.delete(sandbox, { signal }), true);
      assert.deepEqual(await secretNames(), before);
      assert.deepEqual(await bed.objects(gatewayId), []);
      assert.equal(await driver.delete(sandbox, { signal }), false);
    },
  );
});
