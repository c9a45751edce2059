import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { createDeferred } from '../../dist/kit/deferred.js';

test('is settled once, by whoever is first', async () => {
  const first = createDeferred<number>();
  assert.equal(first.settled, false);
  first.resolve(1);
  first.resolve(2);
  first.reject(new Error('late'));
  assert.equal(first.settled, true);
  assert.equal(await first.promise, 1);

  const failed = createDeferred();
  failed.reject(new Error('broken'));
  assert.equal(failed.settled, true);
  await assert.rejects(failed.promise, /broken/);
});

test('a rejection that nobody waits for ends no process', () => {
  const module = new URL('../../dist/kit/deferred.js', import.meta.url).href;
  const program = `
    import { createDeferred } from ${JSON.stringify(module)};
    createDeferred().reject(new Error('nobody waits'));
    setImmediate(() => console.log('alive'));
  `;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  assert.equal(printed, 'alive\n');
});
