import assert from 'node:assert/strict';
import { run } from '../../support/run.js';
import { eventually } from '../../support/wait.js';
import type { Workbench } from '../workbench.js';

/** The workspace path: there, the user's own, and kept. */
export function workspaceTests({ bed, check }: Workbench): void {
  check(
    'the workspace path belongs to root in an image of root',
    { needs: ['rootImage'] },
    async ({ driver, running }) => {
      const sandbox = await running();
      assert.equal((await run(driver, sandbox, ['stat', '-c', '%u', '/sandbox'])).stdout, '0\n');
      assert.equal((await run(driver, sandbox, ['touch', '/sandbox/file'])).exitCode, 0);
    },
  );

  if (bed.images.nonRoot !== undefined) {
    const { nonRoot } = bed.images;
    check("the workspace path belongs to the image's user", { needs: ['nonRootImage'] }, async (desk) => {
      const sandbox = await desk.running({}, nonRoot);
      const { stdout } = await run(desk.driver, sandbox, ['/bin/sh', '-c', 'id -u; stat -c %u /sandbox']);
      assert.equal(stdout, '1000\n1000\n');
      assert.equal((await run(desk.driver, sandbox, ['touch', '/sandbox/file'])).exitCode, 0);
      assert.equal((await run(desk.driver, sandbox, ['touch', '/file'])).exitCode, 1, 'the root is not');
    });
  }

  const survives = (
    title: string,
    driverConfig: NonNullable<typeof bed.readOnlyRootConfig>,
    image?: string,
  ) =>
    check(title, { needs: driverConfig.read_only_root ? ['readOnlyRoot'] : [] }, async (desk) => {
      const { driver, running, signal } = desk;
      const sandbox = await running({ template: { driverConfig } }, image);
      const write = 'mkdir -p deep/er && echo kept > deep/er/file && chmod 600 deep/er/file';
      assert.equal((await run(driver, sandbox, ['/bin/sh', '-c', write])).exitCode, 0);
      await driver.stop(sandbox, { signal });
      await driver.start(sandbox, { signal });
      await eventually('it takes commands again', async () => {
        const result = await run(driver, sandbox, ['cat', '/sandbox/deep/er/file']).catch(() => undefined);
        return result?.stdout === 'kept\n';
      });
      const { stdout } = await run(driver, sandbox, ['stat', '-c', '%a', '/sandbox/deep/er/file']);
      assert.equal(stdout, '600\n');
    });

  survives('the workspace path survives stop and start', {});

  if (bed.readOnlyRootConfig !== undefined) {
    const config = bed.readOnlyRootConfig;
    const options = { needs: ['readOnlyRoot'] } as const;
    survives('with a read-only root as well', config);

    check('a read-only root can be written nowhere else', options, async ({ driver, running, signal }) => {
      const sandbox = await running({ template: { driverConfig: config } });
      for (const path of ['/etc/file', '/file', '/home/file']) {
        assert.notEqual((await run(driver, sandbox, ['touch', path])).exitCode, 0, path);
      }
      assert.equal((await run(driver, sandbox, ['touch', '/tmp/file', '/sandbox/file'])).exitCode, 0);
      assert.equal(await driver.delete(sandbox, { signal }), true);
    });

    check(
      'a read-only root leaves nothing behind',
      options,
      async ({ driver, running, signal, gatewayId }) => {
        const sandbox = await running({ template: { driverConfig: config } });
        await driver.delete(sandbox, { signal });
        await eventually('nothing is left', async () => (await bed.objects(gatewayId)).length === 0);
      },
    );

    if (bed.images.nonRoot !== undefined) {
      survives("with a read-only root and the image's user", config, bed.images.nonRoot);
    }
  }
}
