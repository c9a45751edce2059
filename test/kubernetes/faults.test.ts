import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, type TestContext, test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import { Code } from '../../dist/compute/errors.js';
import { type WatchLog, watchLog } from '../conformance/watch-log.js';
import { collect, openExec, run } from '../support/run.js';
import { aSandbox } from '../support/sandboxes.js';
import { eventually } from '../support/wait.js';
import { testCluster } from './cluster.js';
import { defaults } from './fixtures.js';

const cluster = await testCluster('openshell-faults');
const { bed, namespace } = cluster;
const state = process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test';

async function desk(t: TestContext, settings: Record<string, unknown> = {}) {
  const gatewayId = randomUUID();
  const driver = await bed.createDriver(gatewayId, settings);
  const watch: WatchLog = watchLog(driver, 60_000);
  t.after(async () => {
    await watch.stop().catch(() => {});
    await driver.close();
    await bed.cleanup(gatewayId);
  });
  await watch.synced();
  return { gatewayId, driver, watch, signal: t.signal };
}

function check(title: string, body: (t: TestContext) => Promise<void>) {
  return test(title, { timeout: 240_000 }, body);
}

/** A new API server makes the others wait long before they ask again, so they are new as well. */
const CONTROL_PLANE = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet'];

describe('faults', { skip: cluster.skip, concurrency: false }, () => {
  check('the API server goes away within a watch and an exec, and comes back', async (t) => {
    const { driver, watch, signal } = await desk(t);
    const box = aSandbox(bed.images.shell);
    await driver.create(box, { signal });
    await watch.sees(box.id, 'running');
    const lost = await openExec(driver, box, ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], {
      signal,
    });
    const reading = collect(lost);
    reading.catch(() => {});

    await cluster.restart(...CONTROL_PLANE);

    await assert.rejects(reading, { code: Code.UNAVAILABLE, reason: 'ExecLost' });
    await eventually('the lost command is ended', async () => {
      // A kubelet that has just begun knows no Pods yet.
      const seen = await run(driver, box, ['ps']).catch((error) => {
        assert.equal(error.code, Code.UNAVAILABLE);
      });
      return seen !== undefined && !seen.stdout.includes('while :; do sleep 1');
    });
    const later = aSandbox(bed.images.shell);
    await driver.create(later, { signal });
    assert.equal(
      await Promise.race([watch.ended, Promise.resolve('open')]),
      'open',
      'the watch lived through it',
    );
    await watch.sees(later.id, 'running');
    assert.equal(await driver.delete(box, { signal }), true);
    await watch.seesDeleted(box.id);
    assert.equal(await driver.delete(later, { signal }), true);
    await watch.seesDeleted(later.id);
  });

  check('etcd stands still for five seconds: a create waits and succeeds', async (t) => {
    const { driver, watch, signal } = await desk(t);
    const pid = Number(await readFile(`${state}/kubernetes/run/etcd.pid`, 'utf8'));
    const box = aSandbox(bed.images.shell);
    process.kill(pid, 'SIGSTOP');
    const creating = driver.create(box, { signal });
    creating.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    process.kill(pid, 'SIGCONT');
    // A write whose answer was lost may have been done: then its repetition says that it exists.
    await creating.catch((error) => assert.equal(error.code, Code.ALREADY_EXISTS));
    const got = await eventually('it is there', () => driver.get(box, { signal }));
    assert.equal(got.id, box.id);
    if (observedState(got.status).kind === 'provisioning' && got.status.instanceId === '') {
      await driver.delete(box, { signal });
      await driver.create(box, { signal });
    }
    await watch.sees(box.id, 'running');
  });

  check('a watch from a version that is too old is refused with a word for it', async (t) => {
    const { driver, signal } = await desk(t);
    await driver.list({ signal });
    const { connect } = await import('../../dist/drivers/kubernetes/rest.js');
    const { testKubeconfig } = await import('../conformance/kubernetes-bed.js');
    const rest = connect(defaults({ kubeconfig: testKubeconfig() }));
    t.after(() => rest.close());
    const { isExpired } = await import('../../dist/drivers/kubernetes/api-errors.js');
    const { readLines } = await import('../../dist/kit/lines.js');
    const told = await rest
      .stream({ path: '/api/v1/pods', query: { watch: true, resourceVersion: '1' }, what: 'watch', signal })
      .then(
        async (response) => {
          for await (const { text } of readLines(response, 65_536)) {
            return JSON.parse(text).object.code === 410;
          }
          return false;
        },
        (error) => isExpired(error),
      );
    assert.equal(told, true);
  });

  check('1,000 sandboxes are listed in pages', async (t) => {
    const { driver, watch, gatewayId, signal } = await desk(t, {
      workspace_default_storage_size: '0',
      allowed_node_selectors: ['nowhere=*'],
    });
    const total = 1000;
    const nowhere = { pod: { node_selector: { nowhere: 'yes' } } };
    const boxes = Array.from({ length: total }, () =>
      aSandbox(bed.images.shell, { template: { driverConfig: nowhere } }),
    );
    for (let i = 0; i < total; i += 50) {
      await Promise.all(boxes.slice(i, i + 50).map((box) => driver.create(box, { signal })));
    }
    const ids = (await driver.list({ signal })).map(({ id }) => id);
    assert.deepEqual(ids.sort(), boxes.map(({ id }) => id).sort());
    await eventually('the watch has seen all', () => boxes.every(({ id }) => watch.statesOf(id).length > 0));

    const another = await bed.createDriver(gatewayId, { workspace_default_storage_size: '0' });
    const second = watchLog(another, 60_000);
    await second.synced();
    assert.equal(boxes.filter(({ id }) => second.statesOf(id).length > 0).length, total);
    await second.stop();
    await another.close();

    await cluster.core().deleteCollectionNamespacedPod({
      namespace,
      labelSelector: `openshell.ai/gateway-id=${gatewayId}`,
      gracePeriodSeconds: 0,
    });
    await watch.seesDeleted(boxes[total - 1]?.id ?? '');
    await eventually('all are gone', async () => (await driver.list({ signal })).length === 0);
  });
});
