import type { DriverContext } from '../../dist/compute/entry.js';
import { silentLogger } from '../../dist/compute/log.js';
import type { Settings, SettingsSchema } from '../../dist/compute/settings.js';

/** A driver's table with every default filled in, as the configuration hands it over. */
export function tableOf<S extends SettingsSchema>(schema: S, given: Partial<Settings<S>> = {}): Settings<S> {
  const defaults = Object.entries(schema).map(([key, setting]) => [
    key,
    'default' in setting ? setting.default : undefined,
  ]);
  return { ...Object.fromEntries(defaults), ...given };
}

/** What a gateway makes a driver with. */
export function driverContext(
  given: Pick<DriverContext, 'gatewayId' | 'settings'> & Partial<DriverContext>,
): DriverContext {
  return {
    secret: 'ab'.repeat(32),
    version: '0.0.0-test',
    stateDir: '',
    env: {},
    endpoint: '',
    log: silentLogger,
    ...given,
  };
}
