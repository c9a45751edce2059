import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { methods as api } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { eventually } from '../support/wait.js';
import type { SystemTools } from './system-suite.js';
import { vmProcesses } from './vm-processes.js';

export interface VmTools extends SystemTools {
  readonly stateHome: string;
}

const AT_ONCE = 8;

/** What only machines have: limits and files of their own, and processes that could be left behind. */
export function vmTests({ gatewayId, gateway, openshell, ready, gone, stateHome }: VmTools): void {
  test(`${AT_ONCE} machines at once, each with its own limits and its own files`, async () => {
    const names = Array.from({ length: AT_ONCE }, (_, i) => `at-once-${i}`);
    const resources = { limits: { cpu: '500m', memory: '48Mi' } };
    await Promise.all(
      names.map((name) =>
        gateway().client.unary(api.createSandbox, { name, spec: { template: { resources } } }),
      ),
    );
    await Promise.all(names.map(ready));
    for (const name of names) {
      const script = `cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max; echo ${name} > own; cat own`;
      const ran = await openshell('sandbox', 'exec', '-n', name, '--', 'sh', '-c', script);
      assert.equal(ran.stdout, `${48 * 1024 * 1024}\n50000 100000\n${name}\n`, ran.stderr);
    }
    await Promise.all(names.map((name) => gateway().client.unary(api.deleteSandbox, { name })));
    await Promise.all(names.map(gone));
  });

  test('the gateway tells that they take limits, and no GPU', async () => {
    const { computeDrivers } = await gateway().client.unary(v01.getGatewayInfo, {});
    const told = computeDrivers[0]?.capabilities?.resourceCapabilities;
    assert.deepEqual([told?.cpu?.limitSupported, told?.memory?.limitSupported], [true, true]);
    const { defaultSelectionSupported, countSelectionSupported } = told?.gpu ?? {};
    assert.deepEqual([defaultSelectionSupported, countSelectionSupported], [false, false]);
  });

  test('nothing is left: no machine, no file of a sandbox, and after the gateway no driver process', async () => {
    const stateDir = join(stateHome, 'openshell/drivers/vm');
    // A template that is being made just now has a machine of its own until it is whole.
    const isLeft = async () => (await vmProcesses(stateHome)).some(({ kind }) => kind !== 'driver');
    await eventually('no machine is left', async () => !(await isLeft()), 60_000);
    assert.deepEqual(await readdir(join(stateDir, gatewayId, 'sandboxes')), []);
    await gateway().stop();
    await eventually('no process is left', async () => (await vmProcesses(stateHome)).length === 0);
    assert.deepEqual(await readdir(join(stateDir, 'run')), []);
    assert.deepEqual(await readdir(join(stateDir, gatewayId)), ['sandboxes']);
    const files = await readdir(stateDir, { recursive: true, withFileTypes: true });
    const unfinished = files.filter((file) => file.isFile() && /^\.|\.new$/.test(file.name));
    assert.deepEqual(unfinished, []);
  });
}
