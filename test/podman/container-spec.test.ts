import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { LABEL } from '../../dist/compute/labels.js';
import { IDLE_COMMAND } from '../../dist/compute/sandbox.js';
import { readHost } from '../../dist/drivers/podman/host.js';
import { limits } from '../support/sandboxes.js';
import { GATEWAY_ID, info, plan } from './plan.js';

test('a sandbox is locked down without being asked to', () => {
  const { container } = plan();
  assert.deepEqual(container.cap_drop, ['ALL']);
  assert.equal(container.no_new_privileges, true);
  assert.equal(container.init, true);
  assert.equal(container.restart_policy, 'no');
  assert.deepEqual(container.resource_limits, {
    cpu: { quota: 200_000, period: 100_000 },
    memory: { limit: 4 * 1024 ** 3, swap: 4 * 1024 ** 3 },
    pids: { limit: 2_048 },
  });
  assert.deepEqual(container.log_configuration, { driver: 'k8s-file', size: 31_457_280 });
  assert.ok(!('privileged' in container || 'cap_add' in container || 'seccomp_profile_path' in container));
});

test('command, environment and labels', () => {
  assert.deepEqual(plan().container.command, IDLE_COMMAND);
  assert.equal(plan().container.stdin, false);
  const { container } = plan({
    command: ['a', 'b c'],
    environment: { BOTH: 'spec', MINE: '1' },
    template: {
      environment: { BOTH: 'template', THEIRS: '2' },
      labels: { team: 'red' },
    },
  });
  assert.deepEqual([container.entrypoint, container.command], [[], ['a', 'b c']]);
  assert.equal(container.stdin, true, 'no end of file, also without a terminal');
  assert.deepEqual(container.env, { BOTH: 'spec', MINE: '1', THEIRS: '2' });
  assert.equal(container.labels.team, 'red');
  assert.equal(container.labels[LABEL.gatewayId], GATEWAY_ID);
  const forged = { template: { labels: { [LABEL.gatewayId]: 'another' } } };
  assert.throws(() => plan(forged), { code: Code.INVALID_ARGUMENT, field: 'spec.template.labels' });
});

test('limits in the engine’s units', () => {
  const { container } = plan({ template: { resources: limits('1500m', '512Mi') } });
  assert.deepEqual(container.resource_limits, {
    cpu: { quota: 150_000, period: 100_000 },
    memory: { limit: 536_870_912, swap: 536_870_912 },
    pids: { limit: 2_048 },
  });
  for (const [cpu, memory] of [
    ['1m', ''],
    ['', '1Mi'],
    ['-1', ''],
    ['', 'many'],
  ] as const) {
    const asked = { template: { resources: limits(cpu, memory) } };
    assert.throws(() => plan(asked), { code: Code.INVALID_ARGUMENT }, `${cpu} ${memory}`);
  }
  const requests = { ...limits('', ''), memoryRequest: '1Gi' };
  assert.throws(() => plan({ template: { resources: requests } }), /no requests, only limits/);
});

test("the operator's ceilings", () => {
  const tooHigh = { code: Code.INVALID_ARGUMENT, reason: 'LimitTooHigh' };
  const asked = (cpu: string, memory: string) => ({ template: { resources: limits(cpu, memory) } });
  assert.throws(() => plan(asked('17', '')), tooHigh, "above the host's CPUs");
  assert.throws(() => plan(asked('', '65Gi')), tooHigh, "above the host's memory");
  assert.throws(() => plan(asked('3', ''), { settings: { max_cpu_limit: '2' } }), tooHigh);
  assert.throws(() => plan({ gpu: { count: 9 } }), tooHigh);
  const disk = plan({}, { settings: { default_disk_limit: '1Gi' } }).container.storage_opts;
  assert.deepEqual(disk, { size: '1073741824' });
  assert.equal(plan().container.r_limits, undefined, 'the engine would raise the others');
  const core = { type: 'core', hard: 0, soft: 0 };
  const files = { type: 'nofile', hard: 512, soft: 512 };
  assert.deepEqual(plan({}, { settings: { max_open_files: 512 } }).container.r_limits, [core, files]);
  const rootless = readHost(
    info({ security: { rootless: true, seccompEnabled: true }, pasta: { executable: '/p' } }),
  );
  assert.deepEqual(plan({}, { host: rootless }).container.r_limits, [core]);
});

test('a volume and a CDI device need the word of the operator', () => {
  const refused = { code: Code.FAILED_PRECONDITION, reason: 'NotAllowed' };
  const volume = {
    template: { driverConfig: { mounts: [{ type: 'volume', source: 'data', target: '/data' }] } },
  };
  assert.throws(() => plan(volume), refused);
  plan(volume, { settings: { allowed_volumes: ['data'] } });
  const device = { template: { driverConfig: { cdi_devices: ['nvidia.com/gpu=0'] } } };
  assert.throws(() => plan(device), refused);
  plan(device, { settings: { allowed_devices: ['nvidia.com/gpu=*'] } });
});

test('what a host cannot limit', () => {
  const rootlessV1 = readHost(
    info({
      cgroupVersion: 'v1',
      security: { rootless: true, seccompEnabled: true },
      pasta: { executable: '/p' },
    }),
  );
  const asked = { template: { resources: limits('1', '') } };
  assert.throws(() => plan(asked, { host: rootlessV1 }), {
    reason: 'LimitNotEnforceable',
    message: /cgroups v1/,
  });
  const { container } = plan(asked, { host: rootlessV1, settings: { limits: 'best-effort' } });
  assert.deepEqual(container.resource_limits, {});
  assert.deepEqual(plan({}, { host: rootlessV1 }).container.resource_limits, {}, 'nobody asked');

  const undelegated = readHost(
    info({
      cgroupControllers: ['memory', 'pids'],
      security: { rootless: true, seccompEnabled: true },
      pasta: { executable: '/p' },
    }),
  );
  assert.throws(() => plan(asked, { host: undelegated }), { message: /cpu are not delegated/ });
  const memory = plan({ template: { resources: limits('', '64Mi') } }, { host: undelegated });
  assert.equal(memory.container.resource_limits?.memory?.limit, 67_108_864);
});

test('networks by host and by setting', () => {
  const rootless = (helpers: object) =>
    readHost(info({ security: { rootless: true, seccompEnabled: true }, ...helpers }));
  assert.match(plan().network ?? '', /^openshell-[0-9a-f]{32}-net$/);
  const pasta = { pasta: { executable: '/usr/bin/pasta' } };
  const slirp = { slirp4netns: { executable: '/usr/bin/slirp4netns' } };
  const mode = (helpers: object) => plan({}, { host: rootless(helpers) }).container.netns.nsmode;
  assert.equal(mode(pasta), 'pasta');
  assert.equal(mode(slirp), 'slirp4netns');
  assert.equal(mode({ ...pasta, ...slirp, rootlessNetworkCmd: 'slirp4netns' }), 'slirp4netns');
  assert.throws(() => plan({}, { host: rootless({}) }), { reason: 'NetworkHelperMissing' });
  const none = plan({}, { host: rootless({}), settings: { network_name: 'none' } });
  assert.deepEqual([none.container.netns, none.network], [{ nsmode: 'none' }, undefined]);
  const shared = plan({}, { settings: { network_name: 'podman' } });
  assert.deepEqual([shared.container.networks, shared.network], [{ podman: {} }, undefined]);
});

test('user namespaces by setting, variable and sandbox', () => {
  const spec = (settings: Record<string, unknown>, platformConfig = {}, env = {}) => {
    const { container } = plan({ template: { platformConfig } }, { settings, env });
    return container.userns === undefined ? [] : [container.userns.nsmode, container.idmappings];
  };
  assert.deepEqual(spec({}), []);
  assert.deepEqual(spec({ userns: 'keep-id' }), ['keep-id', undefined]);
  assert.equal(spec({}, {}, { OPENSHELL_PODMAN_USERNS: 'host' })[0], 'host');
  assert.equal(spec({ userns: 'no-map' }, {}, { OPENSHELL_PODMAN_USERNS: 'host' })[0], 'no-map');
  assert.deepEqual(spec({}, { host_users: false })[0], 'auto');
  const map = [{ container_id: 0, host_id: 200_000, size: 10 }];
  assert.deepEqual(spec({ userns: 'private', uidmap: ['0:200000:10'] }), [
    'private',
    { UIDMap: map, GIDMap: map },
  ]);
  assert.throws(() => spec({ userns: 'host' }, { host_users: false }), { code: Code.FAILED_PRECONDITION });
  assert.throws(() => spec({ uidmap: ['0:1:1'] }), /need userns = "private"/);
  assert.throws(() => spec({ userns: 'private', gidmap: ['0:1:1'] }), /needs a uidmap/);
  assert.throws(() => spec({ userns: 'private', uidmap: ['0-1'] }), /is no mapping/);
  assert.throws(() => spec({}, {}, { OPENSHELL_PODMAN_USERNS: 'mine' }), /'mine' is none of/);
});

test('what only other drivers understand is refused by name', () => {
  const asked = { template: { platformConfig: { runtime_class_name: 'kata' } } };
  assert.throws(() => plan(asked), {
    code: Code.INVALID_ARGUMENT,
    field: 'spec.template.platform_config.runtime_class_name',
  });
});

test('GPUs by CDI', () => {
  const devices = (gpu: { count: number | undefined } | undefined, cdi: string[] = []) =>
    plan(
      { gpu, template: { driverConfig: { cdi_devices: cdi } } },
      { settings: { allowed_devices: ['amd.com/*'] } },
    ).container.devices?.map((d) => d.path);
  assert.deepEqual(devices(undefined), []);
  assert.deepEqual(devices({ count: undefined }), ['nvidia.com/gpu=all']);
  assert.deepEqual(devices({ count: 2 }), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  assert.deepEqual(devices({ count: 1 }, ['amd.com/gpu=3']), ['amd.com/gpu=3']);
  assert.throws(() => devices({ count: 2 }, ['amd.com/gpu=3']), /2 GPUs were asked for/);
  assert.throws(() => devices(undefined, ['/dev/sda']), /is no CDI device/);
});
