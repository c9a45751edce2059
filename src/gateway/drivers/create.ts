import { join } from 'node:path';
import type { ComputeDriver } from '../../compute/driver.js';
import type { DriverContext, DriverSettings } from '../../compute/entry.js';
import { failedPrecondition } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { GatewayKeys } from '../keys/keys.js';
import { createManagedDriver, type ManagedDriver } from './managed.js';
import type { SelectedDriver } from './selection.js';

/** Connects to a driver in another process, over its gRPC socket. */
export type ConnectExternal = (options: {
  readonly name: string;
  readonly socketPath: string;
  readonly signal: AbortSignal;
}) => Promise<ComputeDriver>;

export interface CreateDriversOptions {
  readonly gatewayId: string;
  /** Each driver's secret is derived from them. */
  readonly keys: GatewayKeys;
  readonly version: string;
  /** Each driver has a folder with its name here. */
  readonly stateDir: string;
  readonly settings: (name: string) => DriverSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** Undefined: this build cannot connect to drivers in other processes. */
  readonly connectExternal: ConnectExternal | undefined;
  /** Ends a start that has not finished, e.g. the wait for a driver in another process. */
  readonly signal: AbortSignal;
}

/**
 * The selected drivers by name, the default one first. selection.ts probes and selects them before the store is open; a
 * driver is created when it is first used; managed.ts tracks its state and keeps its watch open; states.ts reports on
 * all drivers, present or absent.
 */
export function createDrivers(
  selected: readonly SelectedDriver[],
  options: CreateDriversOptions,
): Map<string, ManagedDriver> {
  const { log, connectExternal } = options;
  const drivers = new Map<string, ManagedDriver>();
  for (const { name, entry, endpoint, report } of selected) {
    const context: DriverContext = {
      gatewayId: options.gatewayId,
      // Each driver has its own, so that it cannot use another's.
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
          `the driver '${name}' runs in another process, which this build cannot connect to`,
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
