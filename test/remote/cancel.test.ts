import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallOptions, ComputeDriver } from '../../dist/compute/driver.js';
import { aSandbox } from '../support/sandboxes.js';
import { eventually } from '../support/wait.js';
import { throughSocket } from './hosted.js';

const CALLS = 50;

test('a call that is cancelled as soon as it is made is cancelled for the driver too', async () => {
  const underWay = new Set<AbortSignal>();
  const hosted = {
    name: 'waiting',
    capabilities: async () => ({}),
    /** Does nothing until it is cancelled. */
    create: (_sandbox: unknown, { signal }: CallOptions) =>
      new Promise<void>((_, reject) => {
        underWay.add(signal);
        const end = () => {
          underWay.delete(signal);
          reject(signal.reason);
        };
        if (signal.aborted) {
          end();
        } else {
          signal.addEventListener('abort', end);
        }
      }),
    get: async () => undefined,
    close: async () => {},
  } as unknown as ComputeDriver;
  const signal = AbortSignal.timeout(20_000);
  await throughSocket(hosted, async (driver) => {
    for (let i = 0; i < CALLS; i++) {
      const cancel = new AbortController();
      const creating = driver.create(aSandbox('image'), { signal: cancel.signal });
      cancel.abort();
      await assert.rejects(creating);
    }
    // On the same connection, so what was sent before has arrived.
    await driver.get({ id: 'a', name: 'a', workspace: 'default' }, { signal });
    await eventually('no create goes on', () => underWay.size === 0, 5_000);
  });
});
