import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { DriverContext, DriverEntry } from '../../dist/compute/entry.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createDrivers } from '../../dist/gateway/drivers/create.js';
import type { SelectedDriver } from '../../dist/gateway/drivers/selection.js';
import { createKeys } from '../../dist/gateway/keys/keys.js';

/** The secrets that drivers of these names are given by a gateway with this key. */
async function secretsOf(key: Uint8Array, ...names: string[]): Promise<string[]> {
  const given: string[] = [];
  const selected = names.map((name) => ({
    name,
    entry: {
      load: async () => ({
        createDriver: async (context: DriverContext) => {
          given.push(context.secret);
          return { name, close: async () => {} };
        },
      }),
    } as unknown as DriverEntry,
    endpoint: '',
    report: { external: false, engineVersion: '' },
  })) as unknown as SelectedDriver[];
  const drivers = createDrivers(selected, {
    gatewayId: 'g',
    keys: createKeys(key, 'g'),
    version: '0',
    stateDir: '',
    settings: () => ({}),
    env: {},
    log: silentLogger,
    connectExternal: undefined,
    signal: new AbortController().signal,
  });
  for (const name of names) {
    await drivers.get(name)?.driver();
  }
  return given;
}

test('each driver has a secret that no other has, the same after every restart', async () => {
  const key = randomBytes(32);
  const [one, other] = await secretsOf(key, 'docker', 'kubernetes');
  assert.match(one ?? '', /^[0-9a-f]{64}$/);
  assert.match(other ?? '', /^[0-9a-f]{64}$/);
  assert.notEqual(one, other);
  assert.deepEqual(await secretsOf(key, 'kubernetes', 'docker'), [other, one]);
  assert.notDeepEqual(await secretsOf(randomBytes(32), 'docker'), [one]);
});
