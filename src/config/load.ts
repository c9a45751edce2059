import { dirname, join, resolve } from 'node:path';
import type { DriverEntry } from '../compute/entry.js';
import type { StoreEntry } from '../store/entry.js';
import { checkExposure, resolveTls } from './access-rules.js';
import { type ConfigFile, readConfigFile } from './config-file.js';
import { type Database, readDatabase } from './database.js';
import { type DriverTable, readDriverTables } from './driver-tables.js';
import type { DriverConfig, GatewayConfig } from './gateway-config.js';
import type { HomePaths } from './home.js';
import { keyLabel } from './key.js';
import { driverNames, KEYS, type KeyName, type KeyValue } from './keys.js';
import { type Listeners, resolveListeners } from './listeners.js';
import { originPlace, type Sourced } from './origin.js';
import { type Problem, problemsError } from './problem.js';
import { type Environment, effective, type Flags, processLayers, readValues, type Values } from './values.js';

interface LoadConfigOptions {
  /** From `parseCommandLine`. */
  readonly flags: Flags;
  readonly env: Environment;
  /** The parts of this build. */
  readonly drivers: readonly DriverEntry[];
  readonly stores: readonly StoreEntry[];
  readonly home: HomePaths;
}

export interface LoadedConfig {
  readonly config: GatewayConfig;
  /** Problems that are not errors. */
  readonly warnings: readonly string[];
  /** Where the values came from, for `describeConfig`. */
  readonly sources: ConfigSources;
}

export interface ConfigSources {
  readonly file: ConfigFile | undefined;
  readonly values: Values;
  readonly listeners: Listeners;
  readonly database: Sourced<Database>;
  readonly drivers: readonly DriverTable[];
}

/**
 * Builds the configuration from flags, environment, file and defaults, in this order of precedence. keys.ts declares
 * every key once. values.ts reads the layers of each key, with check-table.ts and check-value.ts; the rules between
 * keys are in listeners.ts, access-rules.ts, driver-tables.ts and database.ts. All of them report problems, which are
 * thrown together.
 *
 * @throws OpenShellError INVALID_ARGUMENT with reason `InvalidConfig`; its message lists every problem
 */
export async function loadConfig({
  flags,
  env,
  drivers,
  stores,
  home,
}: LoadConfigOptions): Promise<LoadedConfig> {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  function report(problem: Problem): void {
    problems.push(problem);
  }

  // Problems of this key are reported below, with those of all other keys.
  const named = effective(processLayers('configFile', flags, env, () => {}));
  const namedFile = named && { path: named.value, place: originPlace(named.origin) };
  const file = await readConfigFile(namedFile, home.configDir, report);
  const values = readValues(flags, env, file, report);
  const listeners = resolveListeners(values, report);
  const tls = resolveTls(values, report);
  checkExposure(listeners, tls, values, report);
  if (tls === undefined && effective(values.tlsCert) && effective(values.disableTls)?.value) {
    warnings.push(`${KEYS.disableTls.path} is true: the certificates of openshell.gateway.tls are not used`);
  }
  const defaultImage = effective(values.defaultImage)?.value;
  const tables = readDriverTables(file, drivers, defaultImage, report, (text) => void warnings.push(text));
  const database = readDatabase(values, home, stores, report);
  const { path } = database.value;
  const keyFolder = path === undefined ? join(home.stateDir, 'gateway') : dirname(path);
  const computeDrivers = driverNames(valueWithDefault(values, 'computeDrivers'));
  const configs = driverConfigs(tables, computeDrivers, effective(values.computeDriverSocket), report);
  if (problems.length > 0) {
    throw problemsError('InvalidConfig', problems);
  }

  const config: GatewayConfig = {
    bindAddress: listeners.bindAddress.value,
    healthBindAddress: listeners.healthBindAddress?.value,
    metricsBindAddress: listeners.metricsBindAddress?.value,
    logLevel: valueWithDefault(values, 'logLevel') as GatewayConfig['logLevel'],
    computeDrivers,
    drivers: configs,
    sandboxNamespace: valueWithDefault(values, 'sandboxNamespace'),
    defaultImage,
    maxOperations: valueWithDefault(values, 'maxOperations'),
    maxPendingCreates: valueWithDefault(values, 'maxPendingCreates'),
    gatewayId: effective(values.gatewayId)?.value,
    secretKeyPath: resolve(effective(values.secretKeyPath)?.value ?? join(keyFolder, 'secret.key')),
    database: database.value,
    adoptDatabase: effective(values.adoptDatabase)?.value,
    tls,
    allowUnauthenticatedUsers: valueWithDefault(values, 'allowUnauthenticatedUsers'),
    httpAllowedHosts: valueWithDefault(values, 'httpAllowedHosts'),
    limits: {
      connections: valueWithDefault(values, 'maxConnections'),
      connectionsPerAddress: valueWithDefault(values, 'maxConnectionsPerAddress'),
      streamsPerUser: valueWithDefault(values, 'maxStreamsPerUser'),
      stalledMs: valueWithDefault(values, 'stalledStreamSecs') * 1000,
    },
    telemetry: {
      enabled: valueWithDefault(values, 'telemetryEnabled'),
      endpoint: effective(values.telemetryEndpoint)?.value.trim() || undefined,
    },
  };
  return { config, warnings, sources: { file, values, listeners, database, drivers: tables } };
}

type WithDefault = {
  [N in KeyName]: (typeof KEYS)[N]['setting'] extends { default: unknown } ? N : never;
}[KeyName];

/** The value of a key with a default, which is always defined. */
function valueWithDefault<N extends WithDefault>(values: Values, name: N): KeyValue<N> {
  return (effective(values[name]) as Sourced<KeyValue<N>>).value;
}

function driverConfigs(
  tables: readonly DriverTable[],
  computeDrivers: readonly string[],
  socket: Sourced<string> | undefined,
  report: (problem: Problem) => void,
): ReadonlyMap<string, DriverConfig> {
  const configs = new Map(
    tables.map(({ name, settings, socketPath }): [string, DriverConfig] => [name, { settings, socketPath }]),
  );
  if (socket === undefined) {
    return configs;
  }
  const [name, ...more] = computeDrivers;
  if (name === undefined || more.length > 0) {
    const count = computeDrivers.length === 0 ? 'none is' : `${computeDrivers.length} are`;
    const message = `requires exactly one compute driver, but ${count} configured; set --drivers <name> or OPENSHELL_DRIVERS=<name>`;
    report({ place: originPlace(socket.origin), key: keyLabel(KEYS.computeDriverSocket), message });
    return configs;
  }
  const settings = configs.get(name)?.settings ?? {};
  return configs.set(name, { settings, socketPath: resolve(socket.value) });
}
