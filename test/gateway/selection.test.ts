import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DriverEntry, ProbeResult } from '../../dist/compute/entry.js';
import { OpenShellError } from '../../dist/compute/errors.js';
import { assertInBuild, reportDrivers, selectDrivers } from '../../dist/gateway/drivers/selection.js';
import { exitCodeOf } from '../../dist/gateway/program/exit-codes.js';

const ready: ProbeResult = { state: 'ready', endpoint: 'here', engineVersion: '1' };
const away: ProbeResult = { state: 'unavailable', reason: 'no socket', tried: ['/run/x.sock: not there'] };

function entry(
  name: string,
  probe: ProbeResult | (() => Promise<ProbeResult>),
  autoDetect = name !== 'vm',
): DriverEntry {
  return {
    name,
    kind: 'driver',
    marker: name,
    autoDetect,
    settings: {},
    probe: async () => (typeof probe === 'function' ? probe() : probe),
    load: () => Promise.reject(new Error('not loaded in this test')),
  };
}

function options(drivers: DriverEntry[], configured: string[] = []) {
  return {
    flavor: { name: 'edge', drivers, stores: [], telemetry: undefined },
    configured,
    settings: () => ({}),
    external: new Map<string, string>(),
    env: {},
    signal: new AbortController().signal,
  };
}

async function failure(drivers: DriverEntry[], configured: string[]) {
  const error = await selectDrivers(options(drivers, configured)).then(
    () => assert.fail('it was selected'),
    (thrown) => thrown,
  );
  assert.ok(error instanceof OpenShellError);
  return { error, exitCode: exitCodeOf(error) };
}

test('a configured driver that is not in the build names driver, flavor, drivers and command; no fallback', async () => {
  const { error, exitCode } = await failure([entry('docker', ready)], ['podman']);
  assert.equal(error.reason, 'DriverNotInBuild');
  assert.equal(exitCode, 3);
  assert.match(error.text, /'podman' is configured but not in this build/);
  assert.match(error.text, /flavor 'edge' with: docker/);
  assert.match(error.text, /npm run build -- podman/);
});

test('one of several configured drivers that is missing stops the start', async () => {
  const { exitCode } = await failure([entry('docker', ready)], ['docker', 'kubernetes']);
  assert.equal(exitCode, 3);
});

test('a typo suggests the nearest name', async () => {
  const { error, exitCode } = await failure([entry('docker', ready)], ['dokcer']);
  assert.equal(error.reason, 'DriverUnknown');
  assert.equal(exitCode, 4);
  assert.match(error.text, /did you mean 'docker'\?/);
});

test('a configured driver whose engine is away gives the reason of the probe', async () => {
  const { error, exitCode } = await failure([entry('docker', away), entry('podman', ready)], ['docker']);
  assert.equal(error.reason, 'DriverUnavailable');
  assert.equal(exitCode, 5);
  assert.match(error.text, /no socket.*\/run\/x.sock: not there/);
});

test('auto-detection goes kubernetes, podman, docker, and takes vm only when asked', async () => {
  const all = ['vm', 'docker', 'podman', 'kubernetes'].map((name) => entry(name, ready));
  for (const expected of ['kubernetes', 'podman', 'docker']) {
    const [selected] = await selectDrivers(options(all));
    assert.equal(selected?.name, expected);
    all.splice(
      all.findIndex((one) => one.name === expected),
      1,
    );
  }
  const { error, exitCode } = await failure(all, []);
  assert.equal(exitCode, 6);
  assert.match(error.text, /vm: only when asked for/);
  assert.match(error.text, /docker: not in this build/);
  assert.equal((await selectDrivers(options(all, ['vm'])))[0]?.name, 'vm');
});

test('auto-detection shows every outcome when none fits', async () => {
  const { error } = await failure([entry('docker', away), entry('podman', away)], []);
  assert.match(error.text, /podman: no socket; docker: no socket/);
});

test('a probe that throws is unavailable with its message', async () => {
  const broken = entry('docker', () => Promise.reject(new Error('boom')));
  const { error } = await failure([broken], ['docker']);
  assert.match(error.text, /boom/);
});

test('the report has one of the four words for every known driver, and the command for an absent one', async () => {
  const reports = await reportDrivers(options([entry('docker', ready), entry('podman', away)]));
  assert.deepEqual(
    reports.map(({ name, state }) => [name, state]),
    [
      ['kubernetes', 'absent'],
      ['podman', 'unavailable'],
      ['docker', 'ready'],
      ['vm', 'absent'],
    ],
  );
  assert.equal(reports[3]?.command, 'npm run build -- vm');
});

test('the name of a flavor suggests its driver', async () => {
  const { error } = await failure([entry('docker', ready)], ['k8s']);
  assert.equal(error.reason, 'DriverUnknown');
  assert.match(error.text, /did you mean 'kubernetes'\?/);
});

test('names alone tell that a build cannot start, without a probe', () => {
  const unasked = entry('docker', () => Promise.reject(new Error('it was probed')));
  assertInBuild(options([unasked], ['docker']));
  assertInBuild({ ...options([unasked], ['acme']), external: new Map([['acme', '/run/acme.sock']]) });
  assert.throws(() => assertInBuild(options([unasked], ['docker', 'podman'])), {
    reason: 'DriverNotInBuild',
  });
});
