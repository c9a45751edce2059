import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Code } from '../../dist/compute/errors.js';
import { LABEL } from '../../dist/compute/labels.js';
import { IDLE_COMMAND, type JsonObject } from '../../dist/compute/sandbox.js';
import { planSandbox } from '../../dist/drivers/kubernetes/pod.js';
import { defaults, GATEWAY, sandbox } from './fixtures.js';

const place = { namespace: 'openshell', name: 'team--box' };
const owner = { gatewayId: GATEWAY, version: '0.1.0+dirty' };
function plan(box = sandbox(), settings = defaults()) {
  return planSandbox(box, place, owner, settings);
}

function container(box = sandbox(), settings = defaults()) {
  return plan(box, settings).pod.spec.containers[0];
}

function withConfig(driverConfig: JsonObject) {
  return sandbox({}, { driverConfig });
}

describe('the Pod of a sandbox', () => {
  test('is restricted unless told otherwise', () => {
    const { spec } = plan().pod;
    assert.equal(spec.automountServiceAccountToken, false);
    assert.equal(spec.restartPolicy, 'Never');
    const pod = spec.securityContext as Record<string, unknown>;
    assert.equal(pod.runAsNonRoot, true);
    assert.deepEqual([pod.runAsUser, pod.runAsGroup, pod.fsGroup], [1000, 1000, 1000]);
    assert.deepEqual(pod.seccompProfile, { type: 'RuntimeDefault' });
    assert.deepEqual(container()?.securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: false,
    });
  });

  test('has labels that are valid, whatever the version', () => {
    const { labels } = plan();
    assert.equal(labels[LABEL.gatewayId], GATEWAY);
    for (const value of Object.values(labels)) {
      assert.match(value, /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/);
    }
  });

  test('idles without a command', () => {
    assert.deepEqual(
      container()?.command?.map((word) => word.replaceAll('$$', '$')),
      IDLE_COMMAND,
    );
    assert.equal(container()?.stdin, undefined);
  });

  test("keeps a command's stdin open, also without a terminal", () => {
    const made = container(sandbox({ command: ['/bin/sh'] }));
    assert.deepEqual([made?.tty, made?.stdin, made?.stdinOnce], [undefined, true, false]);
  });

  test('takes what was asked for, with defaults that do not contradict it', () => {
    const resources = (cpuRequest: string, cpuLimit: string) =>
      container(sandbox({}, { resources: { cpuRequest, cpuLimit, memoryRequest: '', memoryLimit: '' } }))
        ?.resources;
    assert.deepEqual(resources('', ''), {
      limits: { cpu: '2', memory: '4Gi', 'ephemeral-storage': '10Gi' },
      requests: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '0' },
    });
    assert.equal(resources('', '50m')?.requests?.cpu, undefined);
    assert.equal(resources('3', '')?.limits?.cpu, '3');
    assert.throws(() => resources('2', '1'), { code: Code.INVALID_ARGUMENT });
    assert.throws(() => resources('', 'lots'), { code: Code.INVALID_ARGUMENT });
    assert.throws(() => resources('lots', ''), { code: Code.INVALID_ARGUMENT });
  });

  test('asks for GPUs by their resource', () => {
    assert.equal(
      container(sandbox({ gpu: { count: undefined } }))?.resources?.limits?.['nvidia.com/gpu'],
      '1',
    );
    assert.equal(container(sandbox({ gpu: { count: 4 } }))?.resources?.limits?.['nvidia.com/gpu'], '4');
  });

  test('keeps the workspace in a claim, or in an emptyDir when its size is 0', () => {
    assert.equal(plan().workspace?.size, '2Gi');
    const without = plan(sandbox(), defaults({ workspace_default_storage_size: '0' }));
    assert.equal(without.workspace, undefined);
    assert.deepEqual((without.pod.spec.volumes as JsonObject[])[0], {
      name: 'workspace',
      emptyDir: { sizeLimit: '10Gi' },
    });
  });

  test('says every value to the program as it was written', () => {
    // The kubelet's rule: $(NAME) is replaced, $$ is one $.
    const kubelet = (value: string) =>
      value.replaceAll(/\$\$|\$\([^)]*\)/g, (found) => (found === '$$' ? '$' : ''));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '(', ')', 'A') }), (value) => {
        const env = container(sandbox({ environment: { X: value } }))?.env ?? [];
        assert.equal(kubelet(env.find(({ name }) => name === 'X')?.value ?? ''), value);
      }),
    );
  });
});

describe('driver_config.kubernetes', () => {
  test('reaches the Pod', () => {
    const { spec } = plan(
      withConfig({
        pod: {
          runtime_class_name: 'gvisor',
          node_selector: { disk: 'ssd' },
          tolerations: [{ key: 'gpu', operator: 'Exists', toleration_seconds: 5 }],
          affinity: { nodeAffinity: {} },
          host_users: false,
          priority_class_name: 'low',
        },
        containers: {
          agent: {
            image_pull_policy: 'Always',
            read_only_root_filesystem: true,
            run_as_user: 2000,
            volume_mounts: [{ name: 'cache', mount_path: '/cache' }],
          },
        },
        volumes: [{ name: 'cache', empty_dir: { size_limit: '1Gi' } }],
        workspace: { storage_size: '5Gi' },
      }),
      defaults({
        allowed_runtime_classes: ['gvisor'],
        allowed_node_selectors: ['disk=*'],
        allowed_tolerations: ['gpu'],
        allow_affinity: true,
        allowed_priority_classes: ['low'],
      }),
    ).pod;
    assert.equal(spec.runtimeClassName, 'gvisor');
    assert.deepEqual(spec.nodeSelector, { disk: 'ssd' });
    assert.deepEqual(spec.tolerations, [{ key: 'gpu', operator: 'Exists', tolerationSeconds: 5 }]);
    assert.equal(spec.hostUsers, false);
    assert.deepEqual(
      ((spec.containers[0]?.volumeMounts ?? []) as JsonObject[]).map(({ mountPath }) => mountPath),
      ['/sandbox', '/tmp', '/cache'],
    );
  });

  const refused: [string, JsonObject, Code, RegExp][] = [
    ['a key that does not exist', { pods: {} }, Code.INVALID_ARGUMENT, /'pod'/],
    [
      'a value of another type',
      { pod: { host_users: 'no' } },
      Code.INVALID_ARGUMENT,
      /host_users.*true or false/,
    ],
    ['root', { containers: { agent: { run_as_user: 0 } } }, Code.INVALID_ARGUMENT, /root/],
    ['a volume without a source', { volumes: [{ name: 'a' }] }, Code.INVALID_ARGUMENT, /exactly one/],
    [
      "another sandbox's claim",
      { volumes: [{ name: 'a', persistent_volume_claim: { claim_name: 'team--other' } }] },
      Code.FAILED_PRECONDITION,
      /allowed_objects/,
    ],
    [
      'a secret',
      { volumes: [{ name: 'a', secret: { secret_name: 's' } }] },
      Code.FAILED_PRECONDITION,
      /'secret\/s'/,
    ],
    [
      'the host',
      { volumes: [{ name: 'a', host_path: { path: '/' } }] },
      Code.FAILED_PRECONDITION,
      /hostpath/,
    ],
    [
      'a mount in the workspace',
      {
        volumes: [{ name: 'a', empty_dir: {} }],
        containers: { agent: { volume_mounts: [{ name: 'a', mount_path: '/sandbox/x' }] } },
      },
      Code.INVALID_ARGUMENT,
      /outside \/sandbox/,
    ],
    [
      'a mount of nothing',
      { containers: { agent: { volume_mounts: [{ name: 'a', mount_path: '/x' }] } } },
      Code.INVALID_ARGUMENT,
      /not one of the volumes/,
    ],
  ];
  for (const [what, config, code, text] of refused) {
    test(`refuses ${what}`, () => {
      assert.throws(
        () => plan(withConfig(config)),
        (error: { code: Code; text: string }) => error.code === code && text.test(error.text),
      );
    });
  }

  test('may name what the operator allows', () => {
    const { spec } = plan(
      withConfig({ volumes: [{ name: 'a', secret: { secret_name: 's' } }] }),
      defaults({ allowed_objects: ['secret/s'] }),
    ).pod;
    assert.deepEqual((spec.volumes as JsonObject[])[1], { name: 'a', secret: { secretName: 's' } });
  });
});
