import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('this Node knows the setting by which Buffers are freed at once', () => {
  const module = new URL('../../dist/kit/garbage.js', import.meta.url);
  const script = `const { freeBuffersAtOnce } = await import('${module}'); freeBuffersAtOnce(); console.log('on');`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  // V8 complains about a flag that it does not know, and goes on.
  assert.deepEqual({ stdout, stderr }, { stdout: 'on\n', stderr: '' });
});
