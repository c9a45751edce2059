import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createDriver } from '../../dist/drivers/vm/index.js';
import { driverContext } from '../support/driver-context.js';
import { tempFolder } from '../support/folder.js';
import { VM_HOME, vmSettings, withoutMachines } from './driver.js';

const options = { skip: withoutMachines };

test(
  'a state directory whose path is too long for a socket gets one elsewhere, and leaves none',
  options,
  async () => {
    const { path: home, remove } = tempFolder(VM_HOME);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = home;
    try {
      const stateDir = join(home, 'x'.repeat(100));
      await mkdir(stateDir);
      const driver = await createDriver(
        driverContext({ gatewayId: randomUUID(), settings: vmSettings, stateDir, env: process.env }),
      );
      assert.deepEqual(await driver.list({ signal: AbortSignal.timeout(30_000) }), []);
      assert.equal((await readdir(home)).filter((name) => name.startsWith('openshell-vm-')).length, 1);
      await driver.close();
      assert.deepEqual(
        (await readdir(home)).filter((name) => name.startsWith('openshell-vm-')),
        [],
      );
    } finally {
      if (before === undefined) {
        delete process.env.TMPDIR;
      } else {
        process.env.TMPDIR = before;
      }
      remove();
    }
  },
);
