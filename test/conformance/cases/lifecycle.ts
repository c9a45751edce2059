import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { observedState } from '../../../dist/compute/conditions.js';
import { Code } from '../../../dist/compute/errors.js';
import { LABEL } from '../../../dist/compute/labels.js';
import type { DriverSandbox } from '../../../dist/compute/sandbox.js';
import { aSandbox } from '../../support/sandboxes.js';
import { eventually } from '../../support/wait.js';
import type { Workbench } from '../workbench.js';

/** Create, get, list, stop, start, delete, and doing each of them twice. */
export function lifecycleTests({ bed, check }: Workbench): void {
  check('create, get, list, delete', async ({ driver, watch, running, signal, gatewayId }) => {
    const sandbox = await running();
    const got = await driver.get(sandbox, { signal });
    assert.ok(got);
    assert.deepEqual(
      [got.id, got.name, got.workspace, got.namespace],
      [sandbox.id, sandbox.name, sandbox.workspace, sandbox.namespace],
    );
    assert.equal(observedState(got.status).kind, 'running');
    assert.notEqual(got.status.resourceName, '');
    assert.notEqual(got.status.instanceId, '');
    assert.deepEqual(
      (await driver.list({ signal })).map((s) => s.id),
      [sandbox.id],
    );

    const objects = await bed.objects(gatewayId);
    assert.ok(objects.some((object) => object.labels[LABEL.sandboxId] === sandbox.id));

    assert.equal(await driver.delete(sandbox, { signal }), true);
    await watch.seesDeleted(sandbox.id);
    assert.equal(await driver.get(sandbox, { signal }), undefined);
    await eventually('nothing is left', async () => (await bed.objects(gatewayId)).length === 0);
  });

  check('an id that exists is not created again', async ({ driver, running, signal }) => {
    const sandbox = await running();
    await assert.rejects(driver.create(sandbox, { signal }), { code: Code.ALREADY_EXISTS });
    const got = await driver.get(sandbox, { signal });
    assert.equal(got && observedState(got.status).kind, 'running', 'the first one lives on');
  });

  check('of two creates at once, one wins', async ({ driver, watch, signal }) => {
    const sandbox = aSandbox(bed.images.shell);
    const outcomes = await Promise.allSettled([
      driver.create(sandbox, { signal }),
      driver.create(sandbox, { signal }),
    ]);
    const lost = outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason.code] : []));
    assert.deepEqual(lost, [Code.ALREADY_EXISTS]);
    await watch.sees(sandbox.id, 'running');
    assert.equal((await driver.list({ signal })).length, 1);
  });

  check('stop and start, each twice', async ({ driver, running, signal, watch }) => {
    const sandbox = await running();
    const kind = async () => {
      const got = await driver.get(sandbox, { signal });
      return got && observedState(got.status).kind;
    };
    const first = (await driver.get(sandbox, { signal }))?.status.instanceId;
    await driver.stop(sandbox, { signal });
    await driver.stop(sandbox, { signal });
    await eventually('it is stopped', async () => ['stopped', 'exited'].includes((await kind()) ?? ''));
    await driver.start(sandbox, { signal });
    await driver.start(sandbox, { signal });
    await eventually('it runs again', async () => (await kind()) === 'running');
    const second = (await driver.get(sandbox, { signal }))?.status.instanceId;
    assert.notEqual(second, first, 'another start has another instance id');
    await eventually('the watch shows the second run', () =>
      watch.statesOf(sandbox.id).some((s) => s.status.instanceId === second),
    );
  });

  check(
    'a main process without a terminal has a stdin that stays open',
    async ({ driver, running, signal }) => {
      // The second ends as soon as it reads an end of file, and would print what it read.
      const waiting = [['/bin/sh'], ['/bin/sh', '-c', 'cat; echo over; exit 5']];
      const sandboxes = await Promise.all(waiting.map((command) => running({ command })));
      const kindOf = async (sandbox: DriverSandbox) => {
        const got = await driver.get(sandbox, { signal });
        return got && observedState(got.status).kind;
      };
      const stayRunning = async () => {
        // A shell whose stdin is closed ends within milliseconds.
        await delay(1_000);
        for (const sandbox of sandboxes) {
          assert.equal(await kindOf(sandbox), 'running', sandbox.spec.command.join(' '));
        }
      };
      await stayRunning();
      await Promise.all(
        sandboxes.map(async (sandbox) => {
          await driver.stop(sandbox, { signal });
          await driver.start(sandbox, { signal });
          await eventually('it runs again', async () => (await kindOf(sandbox)) === 'running');
        }),
      );
      await stayRunning();
    },
  );

  check('what is unknown', async ({ driver, signal }) => {
    const nobody = aSandbox(bed.images.shell);
    assert.equal(await driver.get(nobody, { signal }), undefined);
    assert.equal(await driver.delete(nobody, { signal }), false);
    await assert.rejects(driver.stop(nobody, { signal }), { code: Code.NOT_FOUND });
    await assert.rejects(driver.start(nobody, { signal }), { code: Code.NOT_FOUND });
    assert.deepEqual(await driver.list({ signal }), []);
  });

  check('delete of a stopped sandbox, twice', async ({ driver, running, signal, watch }) => {
    const sandbox = await running();
    await driver.stop(sandbox, { signal });
    assert.equal(await driver.delete(sandbox, { signal }), true);
    await watch.seesDeleted(sandbox.id);
    assert.equal(await driver.delete(sandbox, { signal }), false);
  });
}
