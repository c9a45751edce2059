import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { createQueue, type Queue, type QueueOptions } from '../../dist/kit/queue.js';

/** Everything up to the end, and the error that it came with. */
async function rest<T>(queue: AsyncIterable<T>): Promise<{ items: T[]; error?: unknown }> {
  const items: T[] = [];
  try {
    for await (const item of queue) {
      items.push(item);
    }
  } catch (error) {
    return { items, error };
  }
  return { items };
}

function two(options: Partial<QueueOptions<string>> = {}) {
  return createQueue<string>({ capacity: 2, ...options });
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => {
    settled = true;
  });
  await turn();
  return settled;
}

describe('a full queue', () => {
  test('refuses what is offered', async () => {
    const queue = two();
    assert.deepEqual(['a', 'b', 'c'].map(queue.offer), [true, true, false]);
    queue.end();
    assert.deepEqual(await rest(queue), { items: ['a', 'b'] });
  });

  test('lets a put wait, in order, until the reader has made room', async () => {
    const queue = two();
    const puts = ['a', 'b', 'c', 'd'].map(queue.put);
    const settled = () => Promise.all(puts.map(isSettled));
    assert.deepEqual(await settled(), [true, true, false, false]);
    const items = queue[Symbol.asyncIterator]();
    assert.equal((await items.next()).value, 'a');
    assert.deepEqual(await settled(), [true, true, true, false]);
    queue.end();
    assert.deepEqual(await rest({ [Symbol.asyncIterator]: () => items }), { items: ['b', 'c', 'd'] });
  });

  test('keeps room for offers that puts do not take', async () => {
    const queue = createQueue<string>({ capacity: 4, putCapacity: 2 });
    const puts = ['a', 'b', 'c'].map(queue.put);
    assert.equal(await isSettled(puts[2] as Promise<void>), false);
    assert.deepEqual(['d', 'e', 'f'].map(queue.offer), [true, true, false]);
  });

  test('loses the oldest that costs anything to what displaces it', async () => {
    const queue = two({ cost: (item) => (item.startsWith('free') ? 0 : 1) });
    for (const item of ['free 1', 'a', 'b', 'free 2', 'c']) {
      queue.displace(item);
    }
    queue.end();
    assert.deepEqual((await rest(queue)).items, ['free 1', 'b', 'free 2', 'c']);
  });

  test('pauses its source, once, and resumes it when little waits', async () => {
    const calls: string[] = [];
    const source = { pause: () => calls.push('pause'), resume: () => calls.push('resume') };
    const queue = createQueue<string>({ capacity: 3, source, resumeBelow: 2, cost: ({ length }) => length });
    const items = queue[Symbol.asyncIterator]();
    for (const item of ['aa', 'bb', 'c']) {
      queue.accept(item);
    }
    assert.deepEqual(calls, ['pause']);
    await items.next();
    assert.deepEqual(calls, ['pause']);
    await items.next();
    assert.deepEqual(calls, ['pause', 'resume']);
    queue.release();
    for (const item of ['dd', 'ee']) {
      queue.accept(item);
    }
    assert.deepEqual(calls, ['pause', 'resume']);
  });

  test('resumes its source when it is over, however that came', () => {
    const endings: ((queue: Queue<string>) => void)[] = [
      (queue) => queue.end(),
      (queue) => queue.close(),
      (queue) => queue.release(),
      (queue) => void queue[Symbol.asyncIterator]().return?.(),
    ];
    for (const ending of endings) {
      let paused = false;
      const set = (to: boolean) => () => {
        paused = to;
      };
      const queue = two({ source: { pause: set(true), resume: set(false) } });
      for (const item of ['a', 'b', 'c']) {
        queue.accept(item);
      }
      assert.ok(paused);
      ending(queue);
      assert.ok(!paused, String(ending));
    }
  });
});

describe('the end of a queue', () => {
  const error = new Error('broken');

  test('comes after what waits, that of waiting writers too, and its error is thrown once', async () => {
    const queue = two();
    const puts = ['a', 'b', 'c'].map(queue.put);
    queue.end(error);
    queue.end(new Error('too late'));
    await Promise.all(puts);
    const items = queue[Symbol.asyncIterator]();
    const read = { [Symbol.asyncIterator]: () => items };
    assert.deepEqual(await rest(read), { items: ['a', 'b', 'c'], error });
    queue.close(error);
    assert.deepEqual(await rest(read), { items: [] });
  });

  test('that closes it drops what waits, even after an end', async () => {
    const queue = two();
    const puts = ['a', 'b', 'c'].map(queue.put);
    queue.end();
    queue.close(error);
    await Promise.all(puts);
    assert.deepEqual(await rest(queue), { items: [], error });
  });

  test('reaches a reader that waits', async () => {
    for (const how of ['end', 'close'] as const) {
      const queue = two();
      const reading = rest(queue);
      await turn();
      queue[how](error);
      assert.deepEqual(await reading, { items: [], error });
    }
  });

  test('takes nothing more, and nobody waits or is refused', async () => {
    const queue = two();
    queue.end();
    for (const item of ['a', 'b', 'c']) {
      assert.equal(queue.offer(item), true);
      await queue.put(item);
      queue.displace(item);
      queue.accept(item);
    }
    assert.deepEqual(await rest(queue), { items: [] });
  });

  test('is there when the reader leaves', async () => {
    const queue = two();
    const puts = ['a', 'b', 'c', 'd'].map(queue.put);
    for await (const _ of queue) {
      break;
    }
    await Promise.all(puts);
    await queue.put('e');
    assert.equal(queue.offer('f'), true);
  });

  test('comes to a next that waits when the same reader leaves', async () => {
    const items = two()[Symbol.asyncIterator]();
    const waiting = items.next();
    await items.return?.();
    assert.deepEqual(await waiting, { value: undefined, done: true });
  });
});

test('a queue has one reader, who reads one at a time', async () => {
  const queue = two();
  const items = queue[Symbol.asyncIterator]();
  assert.throws(() => queue[Symbol.asyncIterator](), /one reader/);
  const first = items.next();
  await assert.rejects(items.next(), /one item at a time/);
  queue.offer('a');
  assert.equal((await first).value, 'a');
});

/** What a queue of numbers must do, written down as slowly and plainly as can be. */
function createModel(capacity: number, putCapacity: number) {
  const waiting: number[] = [];
  const writers: number[] = [];
  const read: number[] = [];
  let wanted = 0;
  let over: { failed: boolean } | undefined;
  const settle = () => {
    while (writers.length > 0 && (over !== undefined || waiting.length < putCapacity)) {
      waiting.push(writers.shift() as number);
    }
    while (wanted > 0 && waiting.length > 0) {
      wanted -= 1;
      read.push(waiting.shift() as number);
      settle();
    }
  };
  return {
    waiting,
    writers,
    read,
    get over() {
      return over;
    },
    offer: (item: number) => {
      if (over !== undefined) {
        return true;
      }
      if (waiting.length >= capacity) {
        return false;
      }
      waiting.push(item);
      settle();
      return true;
    },
    put: (item: number) => {
      if (over === undefined) {
        writers.push(item);
      }
      settle();
    },
    displace: (item: number) => {
      if (over !== undefined) {
        return;
      }
      while (waiting.length >= capacity) {
        waiting.shift();
      }
      waiting.push(item);
      settle();
    },
    want: () => {
      wanted += 1;
      settle();
    },
    end: (failed: boolean) => {
      over ??= { failed };
      settle();
    },
    close: (failed: boolean) => {
      waiting.length = 0;
      writers.length = 0;
      over = { failed };
    },
  };
}

type Step = 'offer' | 'put' | 'displace' | 'read' | 'end' | 'fail' | 'close' | 'abort' | 'turn';

test('nothing is lost, reordered or left hanging, whatever writers, reader and endings do', async () => {
  const common = (['offer', 'put', 'displace', 'read', 'turn'] as const).map((value) => ({
    weight: 6,
    arbitrary: fc.constant<Step>(value),
  }));
  const endings = (['end', 'fail', 'close', 'abort'] as const).map((value) => ({
    weight: 1,
    arbitrary: fc.constant<Step>(value),
  }));
  const steps = fc.array(fc.oneof(...common, ...endings), { maxLength: 60 });
  const capacities = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }));
  await fc.assert(
    fc.asyncProperty(steps, capacities, async (plan, [a, b]) => {
      const [putCapacity, capacity] = [Math.min(a, b), Math.max(a, b)];
      const queue = createQueue<number>({ capacity, putCapacity });
      const model = createModel(capacity, putCapacity);
      const items = queue[Symbol.asyncIterator]();
      const read: number[] = [];
      let hanging = 0;
      let asked: Promise<void> | undefined;
      let ended: { failed: boolean } | undefined;
      const next = () => {
        const taken = items.next().then(
          ({ done, value }) => {
            if (done) {
              ended ??= { failed: false };
            } else {
              read.push(value);
            }
          },
          () => {
            ended ??= { failed: true };
          },
        );
        asked = taken.finally(() => {
          asked = undefined;
        });
      };
      for (const [item, step] of plan.entries()) {
        if (step === 'offer') {
          assert.equal(queue.offer(item), model.offer(item));
        } else if (step === 'displace') {
          queue.displace(item);
          model.displace(item);
        } else if (step === 'put') {
          hanging += 1;
          void queue.put(item).then(() => {
            hanging -= 1;
          });
          model.put(item);
        } else if (step === 'read' && asked === undefined) {
          next();
          if (ended === undefined) {
            model.want();
          }
        } else if (step === 'end' || step === 'fail') {
          queue.end(step === 'fail' ? new Error('failed') : undefined);
          model.end(step === 'fail');
        } else if ((step === 'close' || step === 'abort') && ended === undefined) {
          queue.close(step === 'abort' ? new Error('aborted') : undefined);
          model.close(step === 'abort');
        }
        await turn();
        assert.deepEqual(read, model.read);
        assert.equal(hanging, model.writers.length, 'writers that wait');
        if (model.over === undefined) {
          assert.ok(model.waiting.length <= capacity, 'the bound');
        }
      }
      queue.end();
      model.end(false);
      for (let i = 0; i <= plan.length && ended === undefined; i++) {
        if (asked === undefined) {
          next();
          model.want();
        }
        await turn();
      }
      assert.deepEqual(read, model.read);
      assert.deepEqual(ended, model.over);
      assert.equal(hanging, 0);
    }),
    { numRuns: 200 },
  );
});
