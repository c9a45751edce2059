/**
 * A preload (`node --import`) that lets a gateway start without an engine: each driver's code and its engine's client
 * are loaded as usual, but the driver they would create is replaced by one without sandboxes.
 */
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ComputeDriver } from '../../../dist/compute/driver.js';
import type { DriverEntry } from '../../../dist/compute/entry.js';
import type { Flavor } from '../../../dist/flavor/flavor.js';

async function never(): Promise<never> {
  throw new Error('the idle engine runs nothing');
}

function idleDriver(name: string): ComputeDriver {
  return {
    name,
    access: undefined,
    capabilities: async () => ({
      driverName: name,
      driverVersion: 'idle',
      defaultImage: '',
      gatewayManagesLifecycle: true,
      resources: { cpuLimit: false, memoryLimit: false, gpuDefault: false, gpuCount: false },
    }),
    validateCreate: never,
    create: never,
    get: async () => undefined,
    list: async () => [],
    stop: never,
    start: never,
    delete: async () => false,
    async *watch({ signal }) {
      yield { type: 'synced' };
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
    close: async () => {},
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const manifest = join(dirname(process.argv[1] as string), 'drivers.js');
const { default: flavor } = (await import(pathToFileURL(manifest).href)) as { default: Flavor };
for (const entry of flavor.drivers as readonly Writable<DriverEntry>[]) {
  const load = entry.load;
  entry.probe = async () => ({ state: 'ready', endpoint: 'idle', engineVersion: 'idle' });
  entry.load = async () => {
    await load();
    return { createDriver: async () => idleDriver(entry.name) };
  };
}
