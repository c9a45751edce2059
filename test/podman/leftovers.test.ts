import assert from 'node:assert/strict';
import { Code } from '../../dist/compute/errors.js';
import { LABEL, ownerLabels } from '../../dist/compute/labels.js';
import { containerName } from '../../dist/drivers/container/names.js';
import { networkName, secretPrefix, volumeName } from '../../dist/drivers/podman/names.js';
import { delay } from '../../dist/kit/deadline.js';
import { aSandbox } from '../support/sandboxes.js';
import { onBothKinds } from './kinds.js';

await onBothKinds('podman leftovers of a create that was cut off', ({ bed, check, api }) => {
  const driverConfig = { secrets: [{ value: 'hush', env: 'TOKEN' }], workspace_volume: true };

  check('what stands beside the container is made anew', async ({ driver, watch, gatewayId, signal }) => {
    const sandbox = aSandbox(bed.images.shell, { template: { driverConfig } });
    const labels = ownerLabels({ gatewayId, version: 'old' }, sandbox);
    const made = await Promise.all([
      api('POST', '/networks/create', {
        name: networkName(gatewayId, sandbox.id),
        driver: 'bridge',
        labels,
      }),
      api('POST', '/volumes/create', { Name: volumeName(gatewayId, sandbox.id), Label: labels }),
      api('POST', `/secrets/create?name=${secretPrefix(gatewayId, sandbox.id)}0`, { a: 'secret' }),
    ]);
    assert.deepEqual(
      made.map(({ status }) => status < 300),
      [true, true, true],
    );
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'running');
    await driver.delete(sandbox, { signal });
    assert.deepEqual(await bed.objects(gatewayId), []);
  });

  check('a container that is there already keeps what it uses', async ({ driver, gatewayId, signal }) => {
    const sandbox = aSandbox(bed.images.shell, { template: { driverConfig: { workspace_volume: true } } });
    const volume = volumeName(gatewayId, sandbox.id);
    const labels = ownerLabels({ gatewayId, version: 'old' }, sandbox);
    await api('POST', '/volumes/create', { Name: volume, Label: labels });
    // Its labels come later than its name: so it looks while the engine still makes it.
    const name = containerName(sandbox);
    const { status } = await api('POST', '/containers/create', {
      name,
      image: bed.images.shell,
      command: ['true'],
      labels: { [LABEL.gatewayId]: gatewayId },
    });
    assert.equal(status, 201);
    await assert.rejects(driver.create(sandbox, { signal }), { code: Code.ALREADY_EXISTS });
    const names = (await bed.objects(gatewayId)).map((object) => object.name);
    assert.ok(names.includes(name) && names.includes(volume), `still there: ${names}`);
  });

  check(
    'a create whose image fails takes nothing from a sandbox with its id',
    async ({ driver, gatewayId, signal }) => {
      const sandbox = aSandbox(bed.images.shell);
      await driver.create(sandbox, { signal });
      const before = await bed.objects(gatewayId);
      const again = { ...aSandbox('localhost/openshell-test:none'), id: sandbox.id, name: sandbox.name };
      await assert.rejects(driver.create(again, { signal }), { code: Code.ALREADY_EXISTS });
      assert.deepEqual(await bed.objects(gatewayId), before);
    },
  );

  check(
    'a create that is cancelled at any moment leaves nothing, also when the engine went on',
    async ({ driver, gatewayId }) => {
      for (let round = 0; round < 24; round++) {
        const sandbox = aSandbox(bed.images.shell);
        const cancel = new AbortController();
        const making = driver.create(sandbox, { signal: cancel.signal });
        const timer = setTimeout(() => cancel.abort(new Error('deleted')), round * 15);
        await making.catch(() => {});
        clearTimeout(timer);
        await driver.delete(sandbox, { signal: new AbortController().signal }).catch(() => {});
        assert.deepEqual(await bed.objects(gatewayId), [], `after ${round * 15} ms`);
      }
      // What an engine makes late, it has made by now.
      await delay(1_000);
      assert.deepEqual(await bed.objects(gatewayId), []);
    },
  );
});
