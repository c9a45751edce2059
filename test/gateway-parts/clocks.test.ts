import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRestartTimers } from '../../dist/gateway/lifecycle/restart-timers.js';
import { createTrustedClock } from '../../dist/gateway/lifecycle/trusted-clock.js';
import type { SandboxRecord } from '../../dist/store/model.js';

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

function clocks() {
  const meta = new Map<string, string>();
  const store = {
    getMeta: async (key: string) => meta.get(key),
    setMeta: async (key: string, value: string) => void meta.set(key, value),
  };
  const time = { wall: 1_000 * DAY, monotonic: 0 };
  const pass = (ms: number) => {
    time.wall += ms;
    time.monotonic += ms;
  };
  /** As after a start of the gateway. */
  const start = () => createTrustedClock({ store, now: () => time.wall, monotonic: () => time.monotonic });
  return { time, pass, start };
}

test('a clock that jumps ahead is believed when it has stood for a day', async () => {
  const { time, pass, start } = clocks();
  const clock = start();
  const began = await clock.now();
  time.wall += 8 * DAY;
  assert.equal(await clock.now(), began);
  pass(HOUR);
  assert.equal(await clock.now(), began + HOUR);
  pass(23.5 * HOUR);
  assert.equal(await clock.now(), time.wall);
});

test('a clock that is set right again was never believed', async () => {
  const { time, pass, start } = clocks();
  const clock = start();
  const began = await clock.now();
  time.wall += 8 * DAY;
  await clock.now();
  pass(HOUR);
  time.wall -= 8 * DAY;
  assert.equal(await clock.now(), began + HOUR);
  // An hour back and forth is neither here nor there.
  time.wall -= HOUR;
  assert.equal(await clock.now(), began);
  time.wall += HOUR;
  assert.equal(await clock.now(), began + HOUR);
});

test('a start under a clock that is ahead is noticed, and so is a long time away', async () => {
  const { time, pass, start } = clocks();
  const began = await start().now();
  time.wall += 8 * DAY;
  const next = start();
  assert.equal(await next.now(), began);
  pass(2 * HOUR);
  assert.equal(await next.now(), began + 2 * HOUR);
  // Each start goes on from where the last one came to.
  assert.equal(await start().now(), began + 2 * HOUR);
  pass(2 * HOUR);
  await next.now();
  pass(21 * HOUR);
  assert.equal(await next.now(), time.wall);
});

test('a restart waits for its pause and no longer, whatever the clock shows', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const due: string[] = [];
  const record = (id: string, nextAtMs: number) =>
    ({
      ...{ id, phase: 'exited', intent: 'run' },
      restarts: { count: 1, delayMs: 2_000, nextAtMs },
    }) as SandboxRecord;
  const nowMs = 1_000 * DAY;
  const timers = createRestartTimers({ now: () => nowMs, due: ({ id }) => due.push(id) });
  // Set back by more than a timer can hold, by an hour, not at all, and ahead.
  timers.update(record('far', nowMs + 30 * DAY));
  timers.update(record('hour', nowMs + HOUR));
  timers.update(record('soon', nowMs + 500));
  timers.update(record('late', nowMs - HOUR));
  t.mock.timers.tick(1);
  assert.deepEqual(due, ['late']);
  t.mock.timers.tick(500);
  assert.deepEqual(due, ['late', 'soon']);
  t.mock.timers.tick(1_600);
  assert.deepEqual(due, ['late', 'soon', 'far', 'hour']);
  timers.close();
});
