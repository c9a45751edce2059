import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deadline, delay, lingering, runWithDeadline, withDeadline } from '../../dist/kit/deadline.js';

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

test('withDeadline gives what the body gives, or its error', async () => {
  assert.equal(await withDeadline(60_000, undefined, async () => 'done'), 'done');
  await assert.rejects(
    withDeadline(60_000, undefined, async () => {
      throw new Error('no');
    }),
    /no/,
  );
});

test('withDeadline ends a body that heeds nothing', async () => {
  const never = () => new Promise<never>(() => {});
  await assert.rejects(withDeadline(10, undefined, never), { name: 'TimeoutError' });
  const cancel = new AbortController();
  const waiting = withDeadline(60_000, cancel.signal, never);
  cancel.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(withDeadline(60_000, AbortSignal.abort(new Error('late')), never), /late/);
});

test('withDeadline leaves no listener on the signal', async () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 20; i++) {
    await withDeadline(60_000, signal, async () => {});
  }
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});

test('runWithDeadline tells the body to end, and waits until it has', async () => {
  const cancel = new AbortController();
  let undone = false;
  const waiting = runWithDeadline(60_000, cancel.signal, async (signal) => {
    await delay(60_000, signal).catch(() => sleep(20));
    undone = true;
    return 'ended in order';
  });
  cancel.abort(new Error('enough'));
  assert.equal(await waiting, 'ended in order');
  assert.equal(undone, true);
  const late = runWithDeadline(10, undefined, (signal) => delay(60_000, signal));
  await assert.rejects(late, { name: 'TimeoutError' });
  await assert.rejects(
    runWithDeadline(60_000, AbortSignal.abort(new Error('late')), async () => {}),
    /late/,
  );
});

test('runWithDeadline leaves no listener on the signal', async () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 20; i++) {
    await runWithDeadline(60_000, signal, async () => {});
  }
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});

test('lingering gives what the other side finishes a while longer, and no more', async () => {
  const cancel = new AbortController();
  const finished = lingering(cancel.signal, 60_000, async (signal) => {
    await delay(20);
    assert.equal(signal.aborted, false);
    return 'made';
  });
  cancel.abort(new Error('enough'));
  assert.equal(await finished, 'made');
  assert.deepEqual(getEventListeners(cancel.signal, 'abort'), []);
  const hangs = lingering(cancel.signal, 10, (signal) => delay(60_000, signal));
  await assert.rejects(hangs, /enough/);
  await assert.rejects(
    lingering(new AbortController().signal, 10, () => Promise.reject(new Error('its own'))),
    /its own/,
  );
});
