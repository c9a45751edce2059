import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { NetworkingV1Api } from '@kubernetes/client-node';
import { type ObservedState, observedState } from '../../dist/compute/conditions.js';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { Code } from '../../dist/compute/errors.js';
import type { DriverSandbox, JsonObject } from '../../dist/compute/sandbox.js';
import { ceilingTests } from '../conformance/cases/ceilings.js';
import { createAccount, manifestRules } from '../conformance/kubernetes-account.js';
import { createKubernetesBed, testKubeconfig } from '../conformance/kubernetes-bed.js';
import { createWorkbench } from '../conformance/workbench.js';
import { run } from '../support/run.js';
import { aSandbox, limits, type SpecChange } from '../support/sandboxes.js';
import { eventually } from '../support/wait.js';
import { testCluster } from './cluster.js';

const cluster = await testCluster('openshell-cluster');
const { bed, namespace } = cluster;
const image = bed.images.shell;

interface Desk {
  readonly driver: ComputeDriver;
  readonly gatewayId: string;
  readonly signal: AbortSignal;
  make(change?: SpecChange): Promise<DriverSandbox>;
  /** Waits for a state of this kind. */
  state<K extends ObservedState['kind']>(box: DriverSandbox, kind: K): Promise<ObservedState & { kind: K }>;
}

async function desk(t: TestContext, settings: Record<string, unknown> = {}, from = bed): Promise<Desk> {
  const gatewayId = randomUUID();
  const driver = await from.createDriver(gatewayId, settings);
  const { signal } = t;
  t.after(async () => {
    await driver.close();
    await from.cleanup(gatewayId);
  });
  const look = async (box: DriverSandbox) => {
    const seen = await driver.get(box, { signal });
    return seen && observedState(seen.status);
  };
  return {
    driver,
    gatewayId,
    signal,
    async make(change) {
      const box = aSandbox(image, change);
      await driver.create(box, { signal });
      return box;
    },
    state: (box, kind) =>
      eventually(`it is ${kind}`, async () => {
        const state = await look(box);
        return state?.kind === kind && (state as ObservedState & { kind: typeof kind });
      }),
  };
}

function check(title: string, body: (t: TestContext) => Promise<void>) {
  return test(title, { timeout: 120_000 }, body);
}

describe('on the cluster', { skip: cluster.skip, concurrency: false }, () => {
  check('why a sandbox does not run', async (t) => {
    const { make, state } = await desk(t, { schedule_timeout_secs: 2, max_cpu_limit: '' });
    const huge = await make({ template: { resources: limits('900', '') } });
    const unschedulable = await state(huge, 'failed');
    assert.equal(unschedulable.reason, 'Unschedulable');
    assert.match(unschedulable.message, /Insufficient cpu/);

    const { make: pull, state: pullState } = await desk(t, { image_pull_policy: 'Always' });
    const unpulled = await pull({ template: { image: 'registry.invalid/none:1' } });
    const failed = await pullState(unpulled, 'failed');
    assert.equal(failed.reason, 'ImagePullBackOff');
    assert.match(failed.message, /registry\.invalid\/none:1/);

    const eater = await make({ command: ['tail', '/dev/zero'], template: { resources: limits('', '24Mi') } });
    const ended = await state(eater, 'exited');
    assert.equal(ended.exitCode, 137);
    assert.match(ended.message, /^OOMKilled: .*24Mi/);
  });

  check('a Pod that someone deletes is missed, and its claim goes with the sandbox', async (t) => {
    const { driver, make, state, signal, gatewayId } = await desk(t);
    const box = await make();
    await state(box, 'running');
    const name = (await driver.get(box, { signal }))?.status.resourceName ?? '';
    await cluster.core().deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    assert.equal((await state(box, 'failed')).reason, 'BackendResourceMissing');
    assert.equal(await driver.delete(box, { signal }), true);
    assert.deepEqual(await bed.objects(gatewayId), []);
  });

  check('whoever deletes the claim takes the Pod with it', async (t) => {
    const { driver, make, state, signal, gatewayId } = await desk(t);
    const box = await make();
    await state(box, 'running');
    const name = (await driver.get(box, { signal }))?.status.resourceName ?? '';
    await cluster.core().deleteNamespacedPersistentVolumeClaim({ namespace, name });
    await cluster.core().deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    await eventually('nothing is left', async () => (await bed.objects(gatewayId)).length === 0);
    assert.equal(await driver.get(box, { signal }), undefined);
  });

  check('two gateways with sandboxes of one name keep out of each other', async (t) => {
    const one = await desk(t);
    const two = await desk(t);
    const box = await one.make();
    await one.state(box, 'running');
    const rival = { ...aSandbox(image), name: box.name };
    await assert.rejects(two.driver.create(rival, { signal: two.signal }), {
      code: Code.FAILED_PRECONDITION,
      reason: 'NameTaken',
    });
    assert.equal(await two.driver.get(box, { signal: two.signal }), undefined);
    assert.equal(await two.driver.delete(box, { signal: two.signal }), false);
    await assert.rejects(two.driver.stop(box, { signal: two.signal }), { code: Code.NOT_FOUND });
    assert.deepEqual(await two.driver.list({ signal: two.signal }), []);
    await one.state(box, 'running');
    assert.deepEqual(await bed.objects(two.gatewayId), []);
  });

  check('nobody may connect to a sandbox', async (t) => {
    const { make, gatewayId } = await desk(t);
    await make();
    const { items } = await cluster
      .config()
      .makeApiClient(NetworkingV1Api)
      .listNamespacedNetworkPolicy({ namespace, labelSelector: `openshell.ai/gateway-id=${gatewayId}` });
    assert.deepEqual(items[0]?.spec?.policyTypes, ['Ingress']);
    assert.equal(items[0]?.spec?.ingress, undefined);
    assert.deepEqual(items[0]?.spec?.podSelector?.matchLabels, { 'openshell.ai/gateway-id': gatewayId });
  });

  check('without a workspace volume a sandbox runs, and is not stopped', async (t) => {
    const { driver, make, state, signal, gatewayId } = await desk(t, { workspace_default_storage_size: '0' });
    const box = await make();
    await state(box, 'running');
    assert.equal((await run(driver, box, ['sh', '-c', 'echo a > f && cat f'])).stdout, 'a\n');
    const refused = { code: Code.FAILED_PRECONDITION, reason: 'NoWorkspaceVolume' };
    await assert.rejects(driver.stop(box, { signal }), refused);
    await driver.start(box, { signal });
    assert.equal((await bed.objects(gatewayId)).length, 1);
    assert.equal(await driver.delete(box, { signal }), true);
  });

  check('a claim that somebody changed makes no Pod', async (t) => {
    const { driver, make, state, signal, gatewayId } = await desk(t);
    const [box, other] = await Promise.all([make(), make({ command: ['sleep', '1000'] })]);
    await Promise.all([state(box, 'running'), state(other, 'running')]);
    await driver.stop(box, { signal });
    const place = { namespace, name: (await driver.get(box, { signal }))?.status.resourceName ?? '' };
    const claimOf = (name: string) => cluster.core().readNamespacedPersistentVolumeClaim({ namespace, name });
    const replace = async (change: (annotations: Record<string, string>) => void) => {
      const claim = await claimOf(place.name);
      change(claim.metadata?.annotations ?? {});
      await cluster.core().replaceNamespacedPersistentVolumeClaim({ ...place, body: claim });
    };
    const { annotations: good = {} } = (await claimOf(place.name)).metadata ?? {};
    const otherName = (await driver.get(other, { signal }))?.status.resourceName ?? '';
    const { annotations: foreign = {} } = (await claimOf(otherName)).metadata ?? {};
    const noPod = async (reason: string) => {
      await assert.rejects(driver.start(box, { signal }), { code: Code.FAILED_PRECONDITION, reason });
      const pods = await cluster.core().listNamespacedPod({ namespace });
      assert.equal(
        pods.items.some(({ metadata }) => metadata?.name === place.name),
        false,
      );
    };

    const evil = gzipSync(JSON.stringify({ metadata: place, spec: { hostPID: true } })).toString('base64');
    await replace((annotations) => {
      annotations['openshell.ai/pod'] = evil;
    });
    await noPod('ClaimChanged');
    await replace((annotations) => Object.assign(annotations, foreign));
    await noPod('ClaimChanged');
    await replace((annotations) => {
      Object.assign(annotations, good);
      delete annotations['openshell.ai/pod-signature'];
    });
    await noPod('ClaimNotSigned');

    // As it was, and as a gateway that did not sign left it.
    await replace((annotations) => Object.assign(annotations, good));
    await driver.start(box, { signal });
    await state(box, 'running');
    await driver.stop(box, { signal });
    await replace((annotations) => {
      delete annotations['openshell.ai/pod-signature'];
    });
    const upgraded = await bed.createDriver(gatewayId, { trust_unsigned_claims: true });
    t.after(() => upgraded.close());
    await upgraded.start(box, { signal });
    await state(box, 'running');
    await driver.stop(box, { signal });
    await driver.start(box, { signal });
    await state(box, 'running');
  });

  check('who writes more than the disk limit is ended, and no neighbour of it', async (t) => {
    const { driver, make, state, signal } = await desk(t, { default_disk_limit: '8Mi' });
    const [box, neighbour] = await Promise.all([
      make({
        command: [
          'sh',
          '-c',
          'echo kept >/sandbox/word; dd if=/dev/zero of=/tmp/fill bs=1M count=32; sleep 1000',
        ],
      }),
      make(),
    ]);
    await state(neighbour, 'running');
    const ended = await eventually(
      'it is evicted',
      async () => {
        const seen = await driver.get(box, { signal });
        const now = seen && observedState(seen.status);
        assert.notEqual(now?.kind, 'failed');
        return now?.kind === 'exited' ? now : undefined;
      },
      90_000,
    );
    assert.match(JSON.stringify(ended), /Evicted: the sandbox exceeded its disk limit: .*8Mi/);
    assert.equal((await run(driver, neighbour, ['echo', 'a'])).stdout, 'a\n');
  });

  check('driver_config is honoured', async (t) => {
    const { driver, make, state } = await desk(t, {
      allowed_node_selectors: ['kubernetes.io/hostname=testnode'],
    });
    const driverConfig: JsonObject = {
      pod: { node_selector: { 'kubernetes.io/hostname': 'testnode' } },
      containers: {
        agent: { run_as_user: 2345, volume_mounts: [{ name: 'shm', mount_path: '/dev/shm2' }] },
      },
      volumes: [{ name: 'shm', empty_dir: { medium: 'Memory', size_limit: '8Mi' } }],
    };
    const box = await make({ template: { driverConfig } });
    await state(box, 'running');
    assert.equal((await run(driver, box, ['id', '-u'])).stdout, '2345\n');
    assert.match((await run(driver, box, ['mount'])).stdout, /tmpfs on \/dev\/shm2/);
  });
});

describe('limits', { skip: cluster.skip, concurrency: false }, () => ceilingTests(createWorkbench(bed)));

describe('workspace_mode managed', { skip: cluster.skip, concurrency: false }, () => {
  const account = 'gateway-managed';
  const managed = createKubernetesBed({
    name: 'kubernetes',
    namespace,
    kubeconfig: testKubeconfig(),
    settings: { workspace_mode: 'managed' },
    driverKubeconfig: async () =>
      createAccount({
        config: cluster.config(),
        namespace,
        name: account,
        rules: await manifestRules('managed'),
        clusterWide: true,
      }),
  });
  const namespaceOf = async (gatewayId: string) => {
    const labelSelector = `openshell.ai/gateway-id=${gatewayId}`;
    return (await cluster.core().listNamespace({ labelSelector })).items[0];
  };

  check('a workspace is a namespace of its own, restricted, and goes with it', async (t) => {
    const { driver, make, state, signal, gatewayId } = await desk(t, {}, managed);
    await driver.ensureWorkspace?.('default', { signal });
    const made = await namespaceOf(gatewayId);
    assert.equal(made?.metadata?.name, `openshell-${gatewayId}-default`);
    assert.equal(made?.metadata?.labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
    const box = await make();
    await state(box, 'running');
    assert.equal((await driver.get(box, { signal }))?.status.resourceName, box.name);
    assert.equal((await run(driver, box, ['echo', 'a'])).stdout, 'a\n');
    assert.equal(await driver.delete(box, { signal }), true);
    await driver.deleteWorkspace?.('default', { signal });
    assert.equal(await namespaceOf(gatewayId), undefined);
    await driver.deleteWorkspace?.('default', { signal });
  });

  check('a namespace that somebody removes is made again for the next sandbox', async (t) => {
    const { driver, make, state, signal, gatewayId } = await desk(t, {}, managed);
    await driver.ensureWorkspace?.('default', { signal });
    const name = `openshell-${gatewayId}-default`;
    await cluster.core().deleteNamespace({ name });
    await state(await make(), 'running');
    await driver.deleteWorkspace?.('default', { signal });
  });

  check('a namespace that is stuck is named, and waited for until it is gone', async (t) => {
    const { driver, make, state, signal, gatewayId } = await desk(t, {}, managed);
    await driver.ensureWorkspace?.('default', { signal });
    const name = `openshell-${gatewayId}-default`;
    const stuck = { name: 'stuck', finalizers: ['openshell.test/never'] };
    await cluster.core().createNamespacedConfigMap({ namespace: name, body: { metadata: stuck } });
    const soon = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
    await assert.rejects(driver.deleteWorkspace?.('default', { signal: soon }) ?? Promise.resolve());
    const making = make();
    making.catch(() => {});
    await cluster.core().replaceNamespacedConfigMap({
      namespace: name,
      name: 'stuck',
      body: { metadata: { name: 'stuck' } },
    });
    await state(await making, 'running');
    await driver.deleteWorkspace?.('default', { signal }).catch(() => {});
  });
});
