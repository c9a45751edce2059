import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createDriverCalls, DRIVER_DEADLINE_MS } from '../../dist/gateway/lifecycle/driver-calls.js';
import { createSlots } from '../../dist/gateway/lifecycle/slots.js';

const never = new AbortController().signal;
/** Tasks that end when they are told to; `begun` in the order of their beginning. */
function tasks() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    task: (name: string) => () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    },
    end: (name: string) => ends.get(name)?.(),
  };
}

test('ordinary tasks leave the reserve free, and urgent ones go first', async () => {
  const slots = createSlots(4, 1);
  const { begun, task, end } = tasks();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    void slots.run(task(name), { signal: never });
  }
  for (const name of ['x', 'y']) {
    void slots.run(task(name), { signal: never, urgent: true });
  }
  await turn();
  assert.deepEqual(begun, ['a', 'b', 'c', 'x']);
  assert.deepEqual([slots.running, slots.waiting], [4, 3]);
  end('a');
  await turn();
  assert.deepEqual(begun.slice(4), ['y']);
  end('x');
  await turn();
  assert.deepEqual(begun.slice(5), ['d']);
});

test('one slot is for all', async () => {
  const slots = createSlots(1, 0);
  const { begun, task, end } = tasks();
  void slots.run(task('a'), { signal: never });
  void slots.run(task('b'), { signal: never });
  await turn();
  end('a');
  await turn();
  end('b');
  assert.deepEqual(begun, ['a', 'b']);
});

test('a task that waits leaves when its signal aborts, and takes no slot', async () => {
  const slots = createSlots(1);
  const { begun, task, end } = tasks();
  const cut = new AbortController();
  void slots.run(task('a'), { signal: never });
  const left = slots.run(task('b'), { signal: cut.signal });
  void slots.run(task('c'), { signal: never });
  cut.abort(new Error('no more'));
  await assert.rejects(left, /no more/);
  end('a');
  await turn();
  assert.deepEqual(begun, ['a', 'c']);
  end('c');
  await turn();
  assert.deepEqual([slots.running, slots.waiting], [0, 0]);
});

test('a deadline begins when the call begins, not while it waits', async () => {
  const calls = createDriverCalls({
    observeCall: () => {},
    deadlines: { ...DRIVER_DEADLINE_MS, create: 400 },
    maxOperations: 1,
  });
  const run = () =>
    calls.run(
      'fake',
      'create',
      never,
      ({ signal }) =>
        new Promise<void>((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          setTimeout(resolve, 150);
        }),
    );
  // One after the other they take 900 ms.
  await Promise.all(Array.from({ length: 6 }, run));
  await assert.rejects(
    calls.run(
      'fake',
      'create',
      never,
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ),
    { message: "driver 'fake' did not finish 'create' within 0.4 s" },
  );
});
