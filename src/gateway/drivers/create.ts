import { join } from 'node:path';
import type { ComputeDriver } from '../../compute/driver.js';
import type { DriverContext, DriverSettings } from '../../compute/entry.js';
import { failedPrecondition } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { GatewayKeys } from '../keys/keys.js';
import { createManagedDriver, type ManagedDriver } from './managed.js';
import type { SelectedDriver } from './selection.js';

/** Makes a driver in a process that is not ours, over its gRPC socket. */
export type ConnectExternal = (options: {
  readonly name: string;
  readonly socketPath: string;
  readonly signal: AbortSignal;
}) => Promise<ComputeDriver>;

interface CreateDriversOptions {
  readonly gatewayId: string;
  /** What each driver's own secret is derived from. */
  readonly keys: GatewayKeys;
  readonly version: string;
  /** Each driver has a folder of its name in it. */
  readonly stateDir: string;
  readonly settings: (name: string) => DriverSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** Undefined: this build has no code for drivers in other processes. */
  readonly connectExternal: ConnectExternal | undefined;
  /** Ends the wait for a driver in another process. */
  readonly signal: AbortSignal;
}

/** The selected drivers by name, the default one first; each loads when it is first used. */
export function createDrivers(
  selected: readonly SelectedDriver[],
  options: CreateDriversOptions,
): Map<string, ManagedDriver> {
  const { log, connectExternal } = options;
  const drivers = new Map<string, ManagedDriver>();
  for (const { name, entry, endpoint, report } of selected) {
    const context: DriverContext = {
      gatewayId: options.gatewayId,
      // Each has its own, so that none knows another's.
      secret: options.keys.derive(`driver ${name}`).toString('hex'),
      version: options.version,
      stateDir: join(options.stateDir, name),
      settings: options.settings(name),
      env: options.env,
      endpoint,
      log: log.child({ driver: name }),
    };
    async function create(): Promise<ComputeDriver> {
      if (entry !== undefined) {
        return (await entry.load()).createDriver(context);
      }
      if (connectExternal === undefined) {
        throw failedPrecondition(
          `the driver '${name}' runs in a process of its own, which this build cannot reach`,
        );
      }
      return connectExternal({ name, socketPath: endpoint, signal: options.signal });
    }

    drivers.set(
      name,
      createManagedDriver({
        name,
        external: report.external,
        engineVersion: report.engineVersion,
        create,
        log,
      }),
    );
  }
  return drivers;
}
