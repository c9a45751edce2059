import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { keptSecret } from '../../dist/host/run-host.js';
import { tempFolder } from '../support/folder.js';

test('a driver process keeps its secret to itself, and knows it again', async (t) => {
  const { path: home, remove } = tempFolder();
  t.after(remove);
  const stateDir = join(home, 'drivers', 'kubernetes');
  const secret = await keptSecret(stateDir);
  assert.match(secret, /^[0-9a-f]{64}$/);
  assert.equal(await keptSecret(stateDir), secret);
  const path = join(stateDir, 'secret');
  assert.deepEqual([(await stat(stateDir)).mode & 0o777, (await stat(path)).mode & 0o777], [0o700, 0o600]);
  await writeFile(path, 'short');
  await assert.rejects(keptSecret(stateDir), { reason: 'InvalidConfig' });
});
