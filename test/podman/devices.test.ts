import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { Code } from '../../dist/compute/errors.js';
import { run } from '../support/run.js';
import { aSandbox } from '../support/sandboxes.js';
import { onBothKinds } from './kinds.js';

/** A device that every machine has, under a name that only this test uses. */
const SPEC = {
  cdiVersion: '0.3.0',
  kind: 'openshell.test/device',
  devices: [
    {
      name: 'one',
      containerEdits: { env: ['OPENSHELL_TEST_DEVICE=one'], deviceNodes: [{ path: '/dev/null' }] },
    },
  ],
};
const FOLDER = '/etc/cdi';
const FILE = `${FOLDER}/openshell-test.json`;

await onBothKinds('podman devices', ({ bed, check }) => {
  const settings = { allowed_devices: ['openshell.test/device=one'] };
  check('a CDI device named by the sandbox', { settings }, async ({ driver, running }, t) => {
    if (process.getuid?.() !== 0) {
      return t.skip('only root may describe a device in /etc/cdi');
    }
    await mkdir(FOLDER, { recursive: true });
    await writeFile(FILE, JSON.stringify(SPEC));
    try {
      const driverConfig = { cdi_devices: ['openshell.test/device=one'] };
      const sandbox = await running({ template: { driverConfig } });
      const { stdout } = await run(driver, sandbox, [
        'sh',
        '-c',
        'tr "\\0" "\\n" </proc/1/environ | grep TEST_DEVICE',
      ]);
      assert.equal(stdout, 'OPENSHELL_TEST_DEVICE=one\n');
    } finally {
      await rm(FILE);
    }
  });

  check('a GPU that the host has not', async ({ driver, signal, gatewayId }, t) => {
    if (existsSync('/dev/nvidiactl')) {
      return t.skip('this host has one');
    }
    const sandbox = aSandbox(bed.images.shell, { gpu: { count: undefined } });
    await assert.rejects(driver.create(sandbox, { signal }), {
      code: Code.FAILED_PRECONDITION,
      reason: 'DeviceNotFound',
    });
    assert.deepEqual(await bed.objects(gatewayId), []);
  });
});
