/**
 * A preload (`node --import`) that gives each driver of a build a probe and an engine of the test's own. The product
 * knows nothing of it: it changes the manifest's entries before main.js reads them.
 *
 * STUB_BUILD: the build's drivers.js. STUB_READY: the drivers whose engine is there, by name, with commas.
 */
import { pathToFileURL } from 'node:url';
import type { DriverEntry } from '../../dist/compute/entry.js';
import type { Flavor } from '../../dist/flavor/flavor.js';
import { createFakeEngine } from '../support/fake-engine.js';

const { STUB_BUILD = '', STUB_READY = '' } = process.env;
const { default: flavor } = (await import(pathToFileURL(STUB_BUILD).href)) as { default: Flavor };
const ready = STUB_READY.split(',');

type Writable<T> = { -readonly [K in keyof T]: T[K] };

for (const entry of flavor.drivers as readonly Writable<DriverEntry>[]) {
  const engine = createFakeEngine();
  engine.probe = () =>
    ready.includes(entry.name)
      ? { state: 'ready', endpoint: `stub:${entry.name}`, engineVersion: '1' }
      : { state: 'unavailable', reason: 'the stub has no engine' };
  const stub = engine.entry(entry.name);
  entry.probe = stub.probe;
  entry.load = stub.load;
}
