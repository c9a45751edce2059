import type { GatewayConfig } from '../../config/gateway-config.js';
import type { SelectionOptions } from '../drivers/selection.js';
import type { ProcessOptions } from './options.js';

/** The options of the driver selection, from the configuration. */
export function selectionOptions(
  { flavor, env }: ProcessOptions,
  config: GatewayConfig,
  signal: AbortSignal,
): SelectionOptions {
  return {
    flavor,
    configured: config.computeDrivers,
    settings: (name) => config.drivers.get(name)?.settings ?? {},
    external: new Map(
      [...config.drivers].flatMap(([name, { socketPath }]) =>
        socketPath === undefined ? [] : [[name, socketPath]],
      ),
    ),
    env,
    signal,
  };
}
