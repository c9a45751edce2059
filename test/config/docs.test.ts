import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('docs/configuration.md is what the build says', async () => {
  const args = ['scripts/config-docs.mjs', '--check'];
  const { stderr } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  assert.equal(stderr, '');
});
