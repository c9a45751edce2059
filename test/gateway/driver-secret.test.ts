import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DriverContext, DriverEntry } from '../../dist/compute/entry.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createDrivers } from '../../dist/gateway/drivers/create.js';
import type { SelectedDriver } from '../../dist/gateway/drivers/selection.js';
import { driverKey } from '../../dist/gateway/identity.js';
import { pageTokenKey } from '../../dist/gateway/services/pages.js';
import type { Store } from '../../dist/store/store.js';

const emptyStore = (): Store => {
  const meta = new Map<string, string>();
  return {
    getMeta: async (key: string) => meta.get(key),
    setMeta: async (key: string, value: string) => void meta.set(key, value),
  } as unknown as Store;
};

/** The secrets that drivers of these names are given by a gateway with this store. */
const secretsOf = async (store: Store, ...names: string[]): Promise<string[]> => {
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
    key: await driverKey(store),
    version: '0',
    sandboxNamespace: '',
    stateDir: '',
    settings: () => ({}),
    env: {},
    log: silentLogger,
    connectExternal: undefined,
    signal: new AbortController().signal,
  });
  for (const name of names) await drivers.get(name)?.driver();
  return given;
};

test('each driver has a secret that no other has, the same after every restart', async () => {
  const store = emptyStore();
  const [one, other] = await secretsOf(store, 'docker', 'kubernetes');
  assert.match(one ?? '', /^[0-9a-f]{64}$/);
  assert.match(other ?? '', /^[0-9a-f]{64}$/);
  assert.notEqual(one, other);
  assert.deepEqual(await secretsOf(store, 'kubernetes', 'docker'), [other, one]);
  assert.notDeepEqual(await secretsOf(emptyStore(), 'docker'), [one]);
  assert.notDeepEqual(await driverKey(store), await pageTokenKey(store));
});
