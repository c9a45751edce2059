import assert from 'node:assert/strict';
import { OpenShellError } from '../../../dist/compute/errors.js';
import { aSandbox, limits } from '../../support/sandboxes.js';
import { eventually } from '../../support/wait.js';
import type { Workbench } from '../workbench.js';

/** What cannot be created says why, and leaves nothing behind. */
export function failureTests({ bed, check }: Workbench): void {
  const refuses = (
    title: string,
    change: Parameters<typeof aSandbox>[1],
    pattern: RegExp,
    image = bed.images.shell,
  ) =>
    check(title, async ({ driver, signal, gatewayId }) => {
      const sandbox = aSandbox(image, change);
      const thrown = await driver.validateCreate(sandbox, { signal }).then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.ok(thrown instanceof OpenShellError, 'validateCreate refuses it');
      assert.match(thrown.text, pattern);
      await assert.rejects(driver.create(sandbox, { signal }));
      assert.deepEqual(await bed.objects(gatewayId), []);
    });

  refuses(
    'a limit that is no quantity',
    { template: { resources: limits('much', '') } },
    /'much' is not a quantity/,
  );
  refuses(
    'a key of driver_config that there is not',
    { template: { driverConfig: { nonsense: 1 } } },
    /nonsense/,
  );
  refuses(
    'a key of platform_config that there is not',
    { template: { platformConfig: { nonsense: 'x' } } },
    /nonsense/,
  );

  check('a cancelled create leaves nothing behind', async ({ driver, gatewayId, watch }) => {
    const sandbox = aSandbox(bed.images.shell);
    const cancel = new AbortController();
    const creating = driver.create(sandbox, { signal: cancel.signal });
    cancel.abort();
    const outcome = await creating.then(
      () => 'created',
      () => 'cancelled',
    );
    if (outcome === 'created') {
      await watch.sees(sandbox.id, 'running');
    } else {
      await eventually('nothing is left', async () => (await bed.objects(gatewayId)).length === 0);
    }
  });

  if (bed.images.noShell !== undefined) {
    const { noShell } = bed.images;
    check(
      'idling needs a shell',
      { needs: ['noShellImage'] },
      async ({ driver, gatewayId, signal, watch }) => {
        const sandbox = aSandbox(noShell);
        const thrown = await driver.create(sandbox, { signal }).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (thrown === undefined) {
          // An engine that says it only later says it on the watch.
          const seen = await watch.sees(sandbox.id, 'failed');
          assert.ok(seen.status.conditions.some((condition) => condition.reason === 'NoIdleCommand'));
          return;
        }
        assert.equal(OpenShellError.from(thrown).reason, 'NoIdleCommand');
        assert.match(OpenShellError.from(thrown).text, /command/);
        await eventually('nothing is left', async () => (await bed.objects(gatewayId)).length === 0);
      },
    );
  }
}
