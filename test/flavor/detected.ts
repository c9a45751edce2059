/**
 * Prints, as JSON, which driver a build's auto-detection takes for every set of drivers that could be ready.
 *
 * argv: the build's dist folder
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DriverEntry } from '../../dist/compute/entry.js';
import type { Flavor } from '../../dist/flavor/flavor.js';
import { subsets } from './subsets.js';

const dist = process.argv[2] as string;
function load(path: string) {
  return import(pathToFileURL(join(dist, path)).href);
}

const { default: flavor } = (await load('drivers.js')) as { default: Flavor };
const { selectDrivers } = (await load(
  'gateway/drivers/selection.js',
)) as typeof import('../../dist/gateway/drivers/selection.js');

function stubbed(entry: DriverEntry, ready: readonly string[]): DriverEntry {
  return {
    ...entry,
    probe: async () =>
      ready.includes(entry.name)
        ? { state: 'ready', endpoint: 'stub', engineVersion: '1' }
        : { state: 'unavailable', reason: 'the stub has no engine' },
  };
}

const found: Record<string, string> = {};
for (const ready of subsets(flavor.drivers.map(({ name }) => name))) {
  const drivers = flavor.drivers.map((entry) => stubbed(entry, ready));
  const options = { configured: [], settings: () => ({}), external: new Map(), env: {} };
  const signal = new AbortController().signal;
  found[ready.join(',')] = await selectDrivers({ ...options, flavor: { ...flavor, drivers }, signal }).then(
    ([selected]) => selected?.name ?? '',
    (error: Error & { reason?: string }) => `${error.reason}: ${error.message}`,
  );
}
process.stdout.write(JSON.stringify(found));
