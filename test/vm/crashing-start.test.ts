import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRetryStart } from '../../dist/drivers/vm/process/sandboxes/crash-loop.js';
import { tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import {
  becomes,
  execIn,
  makeDriver,
  SLOW_MS,
  sandboxOf,
  stateOf,
  VM_HOME,
  withoutMachines,
} from './driver.js';

const signal = AbortSignal.timeout(300_000);

test('a start in which the driver process ends three times is given up, and one beside it is not', {
  skip: withoutMachines,
  timeout: 300_000,
}, async () => {
  const { path: stateDir, remove } = tempFolder(VM_HOME);
  const gatewayId = randomUUID();
  const [culprit, neighbour] = [sandboxOf(), sandboxOf()];
  const started = async (id: string, count: number) => {
    const record = join(stateDir, gatewayId, 'sandboxes', id, 'sandbox.json');
    const text = await readFile(record, 'utf8').catch(() => '{}');
    return (JSON.parse(text) as { unfinishedStarts?: number }).unfinishedStarts === count;
  };
  const next = () => makeDriver(stateDir, gatewayId, { templates: false });
  let running = await next();
  try {
    for (const sandbox of [culprit, neighbour]) {
      await running.driver.create(sandbox, { signal });
    }
    for (const { id } of [culprit, neighbour]) {
      await eventually('it starts', () => started(id, 1), SLOW_MS);
    }
    for (const count of [2, 3]) {
      await running.kill();
      running = await next();
      await eventually(`it starts, number ${count}`, () => started(culprit.id, count), SLOW_MS);
    }
    await running.kill();
    running = await next();
    await becomes(running.driver, culprit, 'failed');
    const state = await stateOf(running.driver, culprit);
    assert.ok(state?.kind === 'failed');
    assert.equal(state.reason, 'StartCrashedDriver');
    assert.match(state.message, /the driver process ended in 3 starts of this sandbox in a row/);
    await becomes(running.driver, neighbour, 'running');
    await eventually('its start is a finished one', () => started(neighbour.id, 0), SLOW_MS);
    assert.equal(await execIn(running.driver, neighbour, 'echo well'), 'well\n');
    for (const sandbox of [culprit, neighbour]) {
      assert.equal(await running.driver.delete(sandbox, { signal }), true);
    }
  } finally {
    await running.destroy();
    remove();
  }
});

test('starts under suspicion take turns, and one that is given up meanwhile waits for none', async () => {
  const retryStart = createRetryStart();
  const never = new AbortController().signal;
  const order: string[] = [];
  let finish: () => void = () => {};
  const first = retryStart(
    never,
    () =>
      new Promise<void>((resolve) => {
        order.push('first');
        finish = resolve;
      }),
  );
  const leaving = new AbortController();
  const second = retryStart(leaving.signal, async () => assert.fail('it was given up'));
  const third = retryStart(never, async () => order.push('third'));
  leaving.abort(new Error('given up'));
  await assert.rejects(second, /given up/);
  assert.deepEqual(order, ['first']);
  finish();
  await Promise.all([first, third]);
  assert.deepEqual(order, ['first', 'third']);
});
