import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import { aSandbox } from '../support/sandboxes.js';
import { eventually } from '../support/wait.js';
import type { Bed } from './bed.js';
import { VM_STATE } from './vm-bed.js';

const TIMEOUT_MS = 120_000;

/** Names of the snapshots that are whole. */
async function snapshots(): Promise<string[]> {
  return (await readdir(join(VM_STATE, 'templates')).catch(() => [])).filter((name) => !name.startsWith('.'));
}

/**
 * Declares a test that leaves a snapshot for what follows: the suite's own driver processes live too short for one to
 * be made beside their tests.
 */
export function snapshotTest(bed: Bed): void {
  test('vm: machines are restored from a snapshot', { timeout: 3 * TIMEOUT_MS }, async (t) => {
    const signal = AbortSignal.timeout(3 * TIMEOUT_MS);
    const gatewayId = randomUUID();
    const driver = await bed.createDriver(gatewayId);
    t.after(async () => {
      await driver.close();
      await bed.cleanup(gatewayId);
    });
    const isRestored = async () => {
      const sandbox = aSandbox(bed.images.shell);
      await driver.create(sandbox, { signal });
      await eventually(
        'it runs',
        async () => {
          const observed = await driver.get(sandbox, { signal });
          return observed !== undefined && observedState(observed.status).kind === 'running';
        },
        TIMEOUT_MS,
      );
      const record = join(VM_STATE, gatewayId, 'sandboxes', sandbox.id, 'sandbox.json');
      const { run } = JSON.parse(await readFile(record, 'utf8')) as { run: { pid: number } };
      const line = await readFile(`/proc/${run.pid}/cmdline`, 'latin1');
      await driver.delete(sandbox, { signal });
      return line.includes('-incoming');
    };
    const before = await snapshots();
    if (await isRestored()) {
      return;
    }
    const isNew = async () => (await snapshots()).some((name) => !before.includes(name));
    await eventually('a snapshot is made', isNew, TIMEOUT_MS);
    assert.ok(await isRestored());
  });
}
