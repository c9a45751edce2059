import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { IDLE_COMMAND } from '../../dist/compute/sandbox.js';
import { limits, NO_RESOURCES } from '../support/sandboxes.js';
import { plan } from './plan.js';

function host(...args: Parameters<typeof plan>) {
  return plan(...args).container.HostConfig;
}

test('locked down without being asked', () => {
  const config = host();
  assert.deepEqual(config?.CapDrop, ['ALL']);
  assert.equal(config?.CapAdd, undefined);
  assert.deepEqual(config?.SecurityOpt, ['no-new-privileges']);
  assert.equal(config?.Privileged, undefined);
  assert.equal(config?.Init, true);
  assert.equal(config?.PidsLimit, 2048);
  assert.deepEqual(config?.RestartPolicy, { Name: 'no' });
  assert.equal(config?.NetworkMode, 'openshell-docker');
  assert.deepEqual(config?.LogConfig, { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } });
  assert.deepEqual([config?.Binds, config?.Mounts], [[], []]);
});

test('labels: the owner wins, and its keys may not be set', () => {
  const { labels, container } = plan({ template: { labels: { team: 'red' } } });
  assert.equal(labels.team, 'red');
  assert.equal(labels['openshell.ai/gateway-id'], 'gateway-1');
  assert.equal(container.Labels?.['openshell.ai/helper'], '', "an image's own would hide the container");
  assert.equal(labels['openshell.ai/sandbox-name'], 'box');
  assert.throws(() => plan({ template: { labels: { 'openshell.ai/gateway-id': 'x' } } }), {
    code: Code.INVALID_ARGUMENT,
    message: /the gateway's own/,
  });
});

test('the command replaces entrypoint and command of the image', () => {
  const given = plan({ command: ['prog', 'a b'] });
  assert.deepEqual([given.container.Entrypoint, given.container.Cmd], [['prog', 'a b'], []]);
  assert.equal(given.idle, false);
  const idle = plan();
  assert.deepEqual(idle.container.Entrypoint, [...IDLE_COMMAND]);
  assert.equal(idle.idle, true);
});

test('environment: the spec wins over the template, the gateway over both', () => {
  const { container } = plan({
    environment: { BOTH: 'spec', OPENSHELL_SANDBOX: 'mine' },
    template: { environment: { BOTH: 'template', ONE: '1' } },
  });
  assert.deepEqual(container.Env?.sort(), [
    'BOTH=spec',
    'ONE=1',
    'OPENSHELL_SANDBOX=box',
    'OPENSHELL_SANDBOX_ID=7c9e6679-7425-40de-944b-e07fc1f90ae7',
  ]);
});

test('a command keeps its stdin open, also without a terminal; an idle sandbox reads none', () => {
  for (const [command, open] of [
    [['/bin/sh'], true],
    [[], false],
  ] as const) {
    const { container } = plan({ command });
    assert.deepEqual([container.Tty, container.OpenStdin, container.StdinOnce], [false, open, false]);
  }
});

test('a terminal keeps its stdin open and knows its kind', () => {
  const { container } = plan({ tty: true });
  assert.deepEqual([container.Tty, container.OpenStdin], [true, true]);
  assert.ok(container.Env?.includes('TERM=xterm-256color'));
});

test('limits; swap is no way around the memory limit', () => {
  const config = host({
    template: { resources: limits('1500m', '64Mi') },
  });
  assert.equal(config?.NanoCpus, 1_500_000_000);
  assert.deepEqual([config?.Memory, config?.MemorySwap], [67_108_864, 67_108_864]);
  assert.equal(host({}, { sandbox_pids_limit: 0 })?.PidsLimit, undefined);
});

test("without limits asked for the operator's hold, and none above its ceiling is taken", () => {
  const byDefault = host();
  assert.deepEqual([byDefault?.NanoCpus, byDefault?.Memory], [2e9, 4 * 1024 ** 3]);
  assert.deepEqual(byDefault?.Ulimits, [{ Name: 'core', Soft: 0, Hard: 0 }]);
  assert.equal(byDefault?.StorageOpt, undefined);
  const set = host({}, { max_open_files: 512, default_disk_limit: '1Gi', default_cpu_limit: '' });
  assert.deepEqual(set?.Ulimits?.[1], { Name: 'nofile', Soft: 512, Hard: 512 });
  assert.deepEqual(set?.StorageOpt, { size: '1073741824' });
  assert.equal(set?.NanoCpus, 16e9, "without a default it is the host's size");
  const asked = (cpuLimit: string, memoryLimit: string) => ({
    template: { resources: limits(cpuLimit, memoryLimit) },
  });
  const tooHigh = { code: Code.INVALID_ARGUMENT, reason: 'LimitTooHigh' };
  assert.throws(() => plan(asked('17', '')), tooHigh, "above the host's CPUs");
  assert.throws(() => plan(asked('', '65Gi')), tooHigh, "above the host's memory");
  assert.throws(() => plan(asked('3', ''), { max_cpu_limit: '2' }), tooHigh);
  assert.throws(() => plan(asked('', '5Gi'), { max_memory_limit: '4Gi' }), tooHigh);
  assert.throws(() => plan({ gpu: { count: 9 } }), tooHigh);
  assert.throws(() => plan({ gpu: { count: undefined } }, { max_gpus: 0 }), tooHigh);
});

test('a volume and a CDI device need the word of the operator', () => {
  const refused = { code: Code.FAILED_PRECONDITION, reason: 'NotAllowed' };
  const volume = { mounts: [{ type: 'volume', source: 'data', target: '/data' }] };
  assert.throws(() => plan({ template: { driverConfig: volume } }), refused);
  plan({ template: { driverConfig: volume } }, { allowed_volumes: ['data'] });
  plan({ template: { driverConfig: volume } }, { allowed_volumes: ['d*'] });
  assert.throws(
    () => plan({ template: { driverConfig: volume } }, { allowed_volumes: ['dat', 'e*'] }),
    refused,
  );
  const device = { cdi_devices: ['nvidia.com/gpu=0'] };
  assert.throws(() => plan({ template: { driverConfig: device } }), refused);
  plan({ template: { driverConfig: device } }, { allowed_devices: ['nvidia.com/gpu=*'] });
});

test('requests and limits that are too small are refused with their field', () => {
  for (const [key, value, field] of [
    ['cpuRequest', '1', 'requests.cpu'],
    ['memoryRequest', '1Gi', 'requests.memory'],
    ['cpuLimit', '1m', 'limits.cpu'],
    ['memoryLimit', '1Ki', 'limits.memory'],
    ['memoryLimit', 'a lot', 'limits.memory'],
  ] as const) {
    assert.throws(() => plan({ template: { resources: { ...NO_RESOURCES, [key]: value } } }), {
      code: Code.INVALID_ARGUMENT,
      field: `spec.template.resources.${field}`,
    });
  }
});

test('platform_config is refused by name; what asks for nothing may stay', () => {
  plan({ template: { platformConfig: { annotations: {}, host_users: true } } });
  for (const key of ['runtime_class_name', 'annotations', 'host_users', 'resources_raw']) {
    const value = key === 'annotations' ? { a: 'b' } : key === 'host_users' ? false : 'x';
    assert.throws(() => plan({ template: { platformConfig: { [key]: value } } }), {
      code: Code.INVALID_ARGUMENT,
      field: `spec.template.platform_config.${key}`,
    });
  }
});

test('a GPU by count or by CDI name', () => {
  const allowed = { allowed_devices: ['nvidia.com/*'] };
  const requests = (change?: Parameters<typeof plan>[0]) => host(change, allowed)?.DeviceRequests;
  assert.deepEqual(requests(), []);
  assert.deepEqual(requests({ gpu: { count: undefined } }), [{ Count: 1, Capabilities: [['gpu']] }]);
  assert.deepEqual(requests({ gpu: { count: 4 } }), [{ Count: 4, Capabilities: [['gpu']] }]);
  const driverConfig = { cdi_devices: ['nvidia.com/gpu=0'] };
  assert.deepEqual(requests({ gpu: { count: 1 }, template: { driverConfig } }), [
    { Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=0'] },
  ]);
  assert.throws(
    () => plan({ gpu: { count: 2 }, template: { driverConfig } }, allowed),
    /2 GPUs were asked for/,
  );
  assert.throws(() => plan({ template: { driverConfig: { cdi_devices: ['gpu0'] } } }), /is no CDI device/);
});

test('a read-only root keeps the workspace on a volume of its own and has a /tmp', () => {
  const { container, workspaceVolume, labels } = plan({
    template: { driverConfig: { read_only_root: true } },
  });
  assert.equal(container.HostConfig?.ReadonlyRootfs, true);
  const [mount] = container.HostConfig?.Mounts ?? [];
  assert.deepEqual([mount?.Type, mount?.Source, mount?.Target], ['volume', workspaceVolume, '/sandbox']);
  assert.deepEqual(mount?.VolumeOptions?.Labels, labels);
  assert.ok(container.HostConfig?.Tmpfs?.['/tmp']);
});
