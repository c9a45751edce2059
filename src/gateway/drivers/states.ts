import { KNOWN_DRIVERS } from '../../compute/known-parts.js';
import type { Flavor } from '../../flavor/flavor.js';
import type { DriverState, ManagedDriver } from './managed.js';

interface NamedState {
  readonly name: string;
  readonly state: DriverState;
  /** Empty when ready. */
  readonly reason: string;
}

/** The state of every driver that is known, in the build or running; no engine is called. */
export function driverStates(flavor: Flavor, running: ReadonlyMap<string, ManagedDriver>): NamedState[] {
  const names = new Set([
    ...running.keys(),
    ...KNOWN_DRIVERS.map((known) => known.name),
    ...flavor.drivers.map((entry) => entry.name),
  ]);
  return [...names].map((name) => {
    const driver = running.get(name);
    if (driver !== undefined) {
      return { name, state: driver.state, reason: driver.reason };
    }
    return flavor.drivers.some((entry) => entry.name === name)
      ? { name, state: 'unavailable', reason: 'in the build but not selected' }
      : { name, state: 'absent', reason: `not in this build (flavor '${flavor.name}')` };
  });
}
