import assert from 'node:assert/strict';
import { Code } from '../../../dist/compute/errors.js';
import { run } from '../../support/run.js';
import { aSandbox, limits } from '../../support/sandboxes.js';
import type { Workbench } from '../workbench.js';
import { readFirst } from './limits.js';

/** What a container engine gives a sandbox that asks for nothing, and refuses one that asks for too much. */
export function ceilingTests({ bed, check }: Workbench): void {
  check('a sandbox that asks for nothing has limits', { needs: ['memoryLimit'] }, async (desk) => {
    const sandbox = await desk.running();
    const memory = readFirst('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes');
    const bytes = Number((await run(desk.driver, sandbox, memory)).stdout);
    assert.ok(bytes > 0 && bytes <= 4 * 1024 ** 3, `${bytes} bytes`);
    const cpu = readFirst('/sys/fs/cgroup/cpu.max', '/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
    const quota = Number.parseInt((await run(desk.driver, sandbox, cpu)).stdout, 10);
    assert.ok(quota > 0 && quota <= 200_000, `${quota} us in 100,000`);
  });

  const settings = { max_cpu_limit: '1500m', default_cpu_limit: '1', max_memory_limit: '5Gi', max_gpus: 0 };
  check('what is above a ceiling is refused at once', { settings }, async ({ driver, signal, gatewayId }) => {
    const asked = [
      { template: { resources: limits('1600m', '') } },
      { template: { resources: limits('', '6Gi') } },
      { gpu: { count: 1 } },
    ];
    for (const change of asked) {
      const sandbox = aSandbox(bed.images.shell, change);
      const refusal = { code: Code.INVALID_ARGUMENT, reason: 'LimitTooHigh' };
      await assert.rejects(driver.validateCreate(sandbox, { signal }), refusal);
      await assert.rejects(driver.create(sandbox, { signal }), refusal);
    }
    assert.deepEqual(await bed.objects(gatewayId), []);
  });
}
