import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('the generated documents are what the build says', async () => {
  const args = ['scripts/generated-docs.mjs', '--check'];
  const { stderr } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  assert.equal(stderr, '');
});
