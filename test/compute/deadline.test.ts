import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deadline, delay } from '../../dist/compute/deadline.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a deadline within a caller signal fires, also after garbage was collected', async () => {
  const signal = deadline(50, new AbortController().signal);
  await sleep(1);
  collectGarbage();
  await assert.rejects(delay(20_000, signal), { name: 'TimeoutError' });
});

test("a caller's own reason comes through", () => {
  const caller = new AbortController();
  const signal = deadline(60_000, caller.signal);
  caller.abort(new Error('enough'));
  assert.throws(() => signal.throwIfAborted(), /enough/);
});
