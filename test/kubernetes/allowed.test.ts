import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Code, type OpenShellError } from '../../dist/compute/errors.js';
import type { JsonObject, SandboxSpec, SandboxTemplate } from '../../dist/compute/sandbox.js';
import { checkLimits } from '../../dist/drivers/kubernetes/limits.js';
import { planSandbox } from '../../dist/drivers/kubernetes/pod.js';
import type { KubernetesSettings } from '../../dist/drivers/kubernetes/settings.js';
import { defaults, sandbox } from './fixtures.js';

function plan(
  template: Partial<SandboxTemplate>,
  given: Partial<KubernetesSettings> = {},
  spec: Partial<SandboxSpec> = {},
) {
  return planSandbox(
    sandbox(spec, template),
    { namespace: 'openshell', name: 'team--box' },
    { gatewayId: 'g', version: '0' },
    defaults(given),
  );
}

function podConfig(pod: JsonObject): Partial<SandboxTemplate> {
  return { driverConfig: { pod } };
}

function raw(limits: JsonObject): Partial<SandboxTemplate> {
  return {
    platformConfig: { resources_raw: { limits } },
  };
}

function cpu(cpuLimit: string, cpuRequest = ''): Partial<SandboxTemplate> {
  return {
    resources: { cpuLimit, cpuRequest, memoryLimit: '', memoryRequest: '' },
  };
}

/** What a caller asks for, the key by which the operator allows it, and what allows something else. */
const gated: [what: string, template: Partial<SandboxTemplate>, key: string, is: unknown, not: unknown][] = [
  ['a label', { labels: { app: 'payments-db' } }, 'allowed_labels', ['app'], ['apps', 'ap', 'b*']],
  ['a label by its beginning', { labels: { 'a.io/b': 'c' } }, 'allowed_labels', ['a.io/*'], ['a.io']],
  ...[
    'iam.amazonaws.com/role',
    'k8s.v1.cni.cncf.io/networks',
    'io.katacontainers.config.hypervisor.path',
    'container.apparmor.security.beta.kubernetes.io/agent',
    'container.seccomp.security.alpha.kubernetes.io/agent',
  ].map((key): (typeof gated)[number] => [
    `the annotation ${key}`,
    { platformConfig: { annotations: { [key]: 'x' } } },
    'allowed_annotations',
    [key],
    [`${key}s`],
  ]),
  [
    'a runtime class',
    podConfig({ runtime_class_name: 'runc' }),
    'allowed_runtime_classes',
    ['runc'],
    ['gvisor'],
  ],
  [
    'a runtime class of the template',
    { platformConfig: { runtime_class_name: 'runc' } },
    'allowed_runtime_classes',
    ['ru*'],
    [],
  ],
  [
    'a priority class',
    podConfig({ priority_class_name: 'system-node-critical' }),
    'allowed_priority_classes',
    ['system-node-critical'],
    ['low'],
  ],
  [
    'a node',
    podConfig({ node_selector: { disk: 'ssd' } }),
    'allowed_node_selectors',
    ['disk=ssd'],
    ['disk=hdd', 'disk'],
  ],
  [
    'a toleration',
    podConfig({ tolerations: [{ key: 'gpu', operator: 'Exists' }] }),
    'allowed_tolerations',
    ['gpu'],
    ['g'],
  ],
  [
    'a toleration of everything',
    podConfig({ tolerations: [{ operator: 'Exists' }] }),
    'allowed_tolerations',
    ['*'],
    ['gpu*', ''],
  ],
  ['an affinity', podConfig({ affinity: { nodeAffinity: {} } }), 'allow_affinity', true, false],
  [
    'a storage class',
    { driverConfig: { workspace: { storage_class: 'fast' } } },
    'allowed_storage_classes',
    ['fast'],
    ['slow'],
  ],
  [
    'another resource',
    raw({ 'hugepages-2Mi': '2Mi' }),
    'allowed_resources',
    ['hugepages-*'],
    ['hugepages-1Gi'],
  ],
];

describe('what a caller asks for and the operator did not allow', () => {
  for (const [what, template, key, is, not] of gated) {
    test(`${what} is refused, and its key named`, () => {
      const refused = (error: OpenShellError) =>
        error.code === Code.FAILED_PRECONDITION &&
        error.reason === 'NotAllowed' &&
        error.text.includes(key) &&
        error.field !== undefined;
      assert.throws(() => plan(template), refused);
      assert.throws(() => plan(template, { [key]: not }), refused);
      plan(template, { [key]: is });
    });
  }

  test("nobody sets labels and annotations of the gateway's own, whatever is allowed", () => {
    for (const template of [
      { labels: { 'openshell.ai/gateway-id': 'x' } },
      { platformConfig: { annotations: { 'openshell.ai/pod': 'x' } } },
    ]) {
      assert.throws(() => plan(template, { allowed_labels: ['*'], allowed_annotations: ['*'] }), {
        code: Code.INVALID_ARGUMENT,
      });
    }
  });

  test("the operator's own runtime and storage class are everybody's, and nobody leaves them", () => {
    const given = { default_runtime_class_name: 'gvisor', workspace_storage_class: 'slow' };
    const { pod, workspace } = plan({ driverConfig: { workspace: { storage_class: 'slow' } } }, given);
    assert.equal(pod.spec.runtimeClassName, 'gvisor');
    assert.equal(workspace?.storageClass, 'slow');
    plan(podConfig({ runtime_class_name: 'gvisor' }), given);
    for (const name of ['runc', 'gvisor2']) {
      assert.throws(() => plan(podConfig({ runtime_class_name: name }), given), { reason: 'NotAllowed' });
    }
  });
});

describe('what a sandbox may use', () => {
  const tooHigh = { code: Code.INVALID_ARGUMENT, reason: 'LimitTooHigh' };
  const limitsOf = (...args: Parameters<typeof plan>) =>
    plan(...args).pod.spec.containers[0]?.resources?.limits ?? {};

  test('has a ceiling, also without settings', () => {
    for (const template of [
      cpu('17'),
      cpu('', '17'),
      { resources: { cpuLimit: '', cpuRequest: '', memoryLimit: '65Gi', memoryRequest: '' } },
      raw({ 'ephemeral-storage': '101Gi' }),
      raw({ 'nvidia.com/gpu': '9' }),
      { driverConfig: { workspace: { storage_size: '500Ti' } } },
      { driverConfig: { volumes: [{ name: 'a', empty_dir: { size_limit: '101Gi' } }] } },
      { driverConfig: { volumes: [{ name: 'a', empty_dir: { medium: 'Memory', size_limit: '65Gi' } }] } },
    ] as Partial<SandboxTemplate>[]) {
      assert.throws(() => plan(template), tooHigh);
    }
    assert.throws(() => plan({}, {}, { gpu: { count: 9 } }), tooHigh);
  });

  test('is limited when nothing is said, and a limit of 0 is none', () => {
    assert.deepEqual(
      limitsOf({}, { default_cpu_limit: '', default_memory_limit: '', default_disk_limit: '' }),
      {
        cpu: '16',
        memory: '64Gi',
        'ephemeral-storage': '100Gi',
      },
    );
    for (const template of [
      cpu('0'),
      { resources: { cpuLimit: '', cpuRequest: '', memoryLimit: '0', memoryRequest: '' } },
      raw({ 'ephemeral-storage': '0' }),
      { driverConfig: { volumes: [{ name: 'a', empty_dir: { size_limit: '0' } }] } },
    ] as Partial<SandboxTemplate>[]) {
      assert.throws(() => plan(template), {
        code: Code.INVALID_ARGUMENT,
        message: /is no limit|must be above 0/,
      });
    }
  });

  test('counts a request above the default limit as its limit', () => {
    assert.equal(limitsOf(cpu('', '3')).cpu, '3');
    const disk = { platformConfig: { resources_raw: { requests: { 'ephemeral-storage': '20Gi' } } } };
    assert.equal(limitsOf(disk)['ephemeral-storage'], '20Gi');
  });

  test('GPUs are counted wherever they are asked for', () => {
    assert.equal(limitsOf(raw({ 'nvidia.com/gpu': '2' }))['nvidia.com/gpu'], '2');
    assert.throws(() => plan(raw({ 'nvidia.com/gpu': '1' }), { max_gpus: 0 }), tooHigh);
    assert.throws(() => plan(raw({ 'nvidia.com/gpu': '1e3' })), { code: Code.INVALID_ARGUMENT });
    assert.throws(() => plan(raw({ cpu: '64' })), { code: Code.INVALID_ARGUMENT });
  });

  test('every emptyDir has a size', () => {
    const volumes: JsonObject[] = [
      { name: 'a', empty_dir: {} },
      { name: 'b', empty_dir: { medium: 'Memory' } },
      { name: 'c', empty_dir: { size_limit: '1Gi' } },
    ];
    const given = { read_only_root: true, workspace_default_storage_size: '0' };
    const { spec } = plan({ driverConfig: { volumes } }, given).pod;
    assert.deepEqual(
      (spec.volumes as { emptyDir: JsonObject }[]).map(({ emptyDir }) => emptyDir),
      [
        { sizeLimit: '10Gi' },
        { sizeLimit: '10Gi' },
        { sizeLimit: '10Gi' },
        { medium: 'Memory', sizeLimit: '4Gi' },
        { sizeLimit: '1Gi' },
      ],
    );
  });

  test("the operator's own values are checked when the driver starts", () => {
    checkLimits(defaults());
    checkLimits(defaults({ max_disk_limit: '', max_storage_size: '', max_cpu_limit: '' }));
    for (const given of [
      { default_disk_limit: '101Gi' },
      { workspace_default_storage_size: '1Ti' },
      { default_cpu_limit: '17' },
      { max_storage_size: 'much' },
    ]) {
      assert.throws(
        () => checkLimits(defaults(given)),
        (error: OpenShellError) => error.field?.startsWith('openshell.drivers.kubernetes.') === true,
      );
    }
  });
});
