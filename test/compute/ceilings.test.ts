import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ceilings, checkCeilings, withinCeilings } from '../../dist/compute/ceilings.js';
import type { SandboxResources } from '../../dist/compute/sandbox.js';

const NONE: SandboxResources = { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' };
const CEILINGS: Ceilings = {
  defaultCpu: '2',
  defaultMemory: '4Gi',
  maxCpu: '4',
  maxMemory: '8Gi',
  maxGpus: 1,
};

test('what was not asked for is the default, or without one the ceiling', () => {
  const given = withinCeilings(NONE, undefined, CEILINGS);
  assert.deepEqual([given.cpuLimit, given.memoryLimit], ['2', '4Gi']);
  const bare = withinCeilings(NONE, undefined, { ...CEILINGS, defaultCpu: '', defaultMemory: '' });
  assert.deepEqual([bare.cpuLimit, bare.memoryLimit], ['4', '8Gi']);
  const open = { defaultCpu: '', defaultMemory: '', maxCpu: '', maxMemory: '', maxGpus: 0 };
  assert.deepEqual(withinCeilings(NONE, undefined, open), NONE);
});

test('up to the ceiling is allowed, in any spelling; above it is refused with its field', () => {
  const asked = { ...NONE, cpuLimit: '4000m', memoryLimit: '8192Mi' };
  assert.equal(withinCeilings(asked, { count: undefined }, CEILINGS).cpuLimit, '4000m');
  for (const [resources, gpu, field] of [
    [{ ...NONE, cpuLimit: '4001m' }, undefined, 'spec.template.resources.limits.cpu'],
    [{ ...NONE, cpuRequest: '5' }, undefined, 'spec.template.resources.requests.cpu'],
    [{ ...NONE, memoryLimit: '9Gi' }, undefined, 'spec.template.resources.limits.memory'],
    [{ ...NONE, memoryRequest: '1Ti' }, undefined, 'spec.template.resources.requests.memory'],
    [NONE, { count: 2 }, 'spec.resource_requirements.gpu'],
  ] as const) {
    assert.throws(() => withinCeilings(resources, gpu, CEILINGS), { reason: 'LimitTooHigh', field });
  }
  assert.throws(() => withinCeilings(NONE, { count: undefined }, { ...CEILINGS, maxGpus: 0 }), {
    reason: 'LimitTooHigh',
  });
});

test("an operator's default above the ceiling is refused by key", () => {
  checkCeilings(CEILINGS, 'openshell.drivers.docker');
  assert.throws(() => checkCeilings({ ...CEILINGS, defaultCpu: '5' }, 'openshell.drivers.docker'), {
    field: 'openshell.drivers.docker.default_cpu_limit',
  });
  assert.throws(() => checkCeilings({ ...CEILINGS, maxMemory: 'plenty' }, 'openshell.drivers.docker'), {
    field: 'openshell.drivers.docker.max_memory_limit',
  });
});
