import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createManagedDriver } from '../../dist/gateway/drivers/managed.js';
import { createSandboxLog } from '../../dist/gateway/observe/sandbox-log.js';
import { createLogService } from '../../dist/gateway/services/logs.js';
import type { SandboxRecord } from '../../dist/store/model.js';
import { eventually } from '../support/wait.js';

test('who follows the log of a stopped sandbox leaves no listener at each look', async () => {
  let looks = 0;
  const driver = {
    name: 'fake',
    access: {
      // biome-ignore lint/correctness/useYield: it has ended, and there is nothing to follow
      async *logs() {
        looks++;
      },
    },
  } as unknown as ComputeDriver;
  const managed = createManagedDriver({
    ...{ name: 'fake', external: false, engineVersion: '', log: silentLogger },
    create: async () => driver,
  });
  const logs = createLogService({
    ...{ gatewayLog: createSandboxLog(), log: silentLogger, activity: () => {} },
    drivers: new Map([['fake', managed]]),
  });
  const client = new AbortController();
  const record = { id: 'id', name: 'box', driver: 'fake', phase: 'stopped' } as SandboxRecord;
  logs.follow(
    record,
    { sinceMs: 0, sources: [], minLevel: '' },
    { sandbox: async () => {}, gateway: () => {} },
    client.signal,
  );
  await eventually('it has looked some times', () => looks >= 5);
  assert.ok(getEventListeners(client.signal, 'abort').length <= 2);
  client.abort();
  await sleep(0);
  assert.equal(getEventListeners(client.signal, 'abort').length, 0);
});
