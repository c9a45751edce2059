import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { totalmem } from 'node:os';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { checkSizes, planMachine } from '../../dist/drivers/vm/process/sandboxes/plan.js';
import type { VmSettings } from '../../dist/drivers/vm/settings.js';
import { tempFolder } from '../support/folder.js';
import { aSandbox, limits } from '../support/sandboxes.js';
import {
  becomes,
  execIn,
  makeDriver,
  sandboxOf,
  stateOf,
  VM_HOME,
  vmSettings,
  withoutMachines,
} from './driver.js';

const signal = AbortSignal.timeout(300_000);
function settingsOf(own: Partial<VmSettings> = {}) {
  return { ...vmSettings, ...own } as unknown as VmSettings;
}

function asking(cpuLimit: string, memoryLimit: string) {
  return aSandbox('image:1', { template: { resources: limits(cpuLimit, memoryLimit) } });
}

test('nobody gets a larger machine than the operator allows, or than the host is', () => {
  const limited = settingsOf({ max_cpu_limit: '1500m', max_memory_limit: '1Gi' });
  assert.equal(planMachine(asking('1500m', '1Gi'), limited).vcpus, 2);
  for (const [sandbox, field] of [
    [asking('1600m', ''), 'spec.template.resources.limits.cpu'],
    [asking('', '1025Mi'), 'spec.template.resources.limits.memory'],
  ] as const) {
    assert.throws(() => planMachine(sandbox, limited), { reason: 'LimitTooHigh', field });
  }
  const open = settingsOf();
  assert.throws(() => planMachine(asking('100000', ''), open), { reason: 'LimitTooHigh' });
  assert.throws(() => planMachine(asking('', `${totalmem() * 2}`), open), { reason: 'LimitTooHigh' });
  assert.deepEqual(planMachine(asking('', ''), limited), {
    vcpus: 1,
    memoryMib: 192,
    memoryMax: undefined,
    cpuMax: undefined,
  });
});

test("the operator's own sizes are below the ceilings", () => {
  checkSizes(settingsOf());
  for (const [own, message] of [
    [{ vcpus: 2, max_cpu_limit: '1' }, /vcpus: 2 is more than max_cpu_limit, '1'/],
    [{ mem_mib: 2048, max_memory_limit: '1Gi' }, /mem_mib: 2048 is more than max_memory_limit/],
    [{ overlay_disk_mib: 2048, max_disk_limit: '1Gi' }, /overlay_disk_mib: 2048 is more than max_disk_limit/],
    [{ max_memory_limit: 'much' }, /max_memory_limit: 'much' is not a quantity/],
  ] as const) {
    assert.throws(() => checkSizes(settingsOf(own)), { code: Code.INVALID_ARGUMENT, message });
  }
});

test('limits on processes and open files are in force inside, and an image beyond the largest disk is refused', {
  skip: withoutMachines,
  timeout: 300_000,
}, async () => {
  const { path: stateDir, remove } = tempFolder(VM_HOME);
  const own = { sandbox_pids_limit: 100, max_open_files: 2_000, templates: false };
  const running = await makeDriver(stateDir, randomUUID(), own);
  const small = await makeDriver(stateDir, randomUUID(), { max_disk_limit: '65Mi', templates: false });
  try {
    const [sandbox, large] = [sandboxOf(), sandboxOf()];
    await small.driver.create(large, { signal });
    await running.driver.create(sandbox, { signal });
    await becomes(small.driver, large, 'failed');
    const state = await stateOf(small.driver, large);
    assert.ok(state?.kind === 'failed');
    assert.equal(state.reason, 'LimitTooHigh');
    assert.match(state.message, /the image needs a disk of \d+ MiB, and this gateway's operator allows 65Mi/);
    await becomes(running.driver, sandbox, 'running');
    const script =
      'ulimit -Sn; ulimit -Hn; ulimit -Hc; cat /sys/fs/cgroup/pids.max; ulimit -Hn 2001 || echo no';
    assert.equal(await execIn(running.driver, sandbox, script), '1024\n2000\n0\n100\nno\n');
    assert.equal(await small.driver.delete(large, { signal }), true);
    assert.equal(await running.driver.delete(sandbox, { signal }), true);
  } finally {
    await running.destroy();
    await small.destroy();
    remove();
  }
});
