import { join } from 'node:path';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { unavailable } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { TelemetrySink } from '../../compute/telemetry.js';
import { VERSION } from '../../compute/version.js';
import { formatAddress } from '../../config/address.js';
import type { GatewayConfig } from '../../config/gateway-config.js';
import type { HomePaths } from '../../config/home.js';
import type { LoadedConfig } from '../../config/load.js';
import { delay } from '../../kit/deadline.js';
import { freeBuffersAtOnce } from '../../kit/garbage.js';
import { createLogger } from '../../logging/logger.js';
import { exitOnUncaught } from '../../logging/uncaught.js';
import type { StoreEntry } from '../../store/entry.js';
import { databasePlace } from '../database-place.js';
import { selectDrivers } from '../drivers/selection.js';
import type { Gateway, GatewayOptions } from '../gateway.js';
import { createSandboxLog } from '../observe/sandbox-log.js';
import type { ProcessOptions } from './options.js';
import { assertParts, storeOf, telemetryOf } from './parts.js';
import { selectionOptions } from './selection-options.js';
import { handleSignals, type Signals } from './signals.js';

/** How long running calls may take after SIGTERM. */
const DRAIN_MS = 10_000;
const TELEMETRY_CLOSE_MS = 2_000;

/** Runs the gateway until the first SIGTERM or SIGINT. */
export async function serve(
  options: ProcessOptions,
  { config, warnings }: LoadedConfig,
  home: HomePaths,
): Promise<number> {
  assertParts(options.flavor, config);
  freeBuffersAtOnce();
  const sandboxLog = createSandboxLog();
  const log = createLogger({
    level: config.logLevel,
    write: (text) => process.stderr.write(text),
    readable: process.stderr.isTTY === true,
    onSandboxLine: (line) =>
      sandboxLog.append({ ...line, level: line.level.toUpperCase(), target: 'gateway', source: 'gateway' }),
  });
  exitOnUncaught(log);
  for (const warning of [...options.buildWarnings, ...warnings]) {
    log.warn(warning);
  }
  const ending = handleSignals();
  const telemetry = await openTelemetry(options, config, log);
  try {
    const starting = start(options, config, home, { log, sandboxLog, telemetry, signal: ending.signal });
    const gateway = await Promise.race([starting, interrupted(ending)]);
    report(gateway, options, log);
    await ending.first;
    log.info('shutting down; sandboxes keep running');
    await Promise.race([gateway.close(DRAIN_MS), ending.second]);
    return 0;
  } finally {
    await telemetry?.close(TELEMETRY_CLOSE_MS);
    ending.dispose();
  }
}

/** Rejects when an interrupted start does not end by itself, e.g. because a file system hangs. */
async function interrupted({ first, second }: Signals): Promise<never> {
  await first;
  await Promise.race([second, delay(DRAIN_MS)]);
  throw unavailable('interrupted before it had started', { reason: 'Interrupted' });
}

async function start(
  options: ProcessOptions,
  config: GatewayConfig,
  home: HomePaths,
  parts: Pick<GatewayOptions, 'log' | 'sandboxLog' | 'telemetry' | 'signal'>,
): Promise<Gateway> {
  const { path, url } = config.database;
  const store = storeOf(options.flavor, config.database);
  const selection = selectionOptions(options, config, parts.signal);
  const [selected, { startGateway, openStore }] = await Promise.all([
    selectDrivers(selection),
    loadGateway(parts.log, store),
  ]);
  return startGateway({
    ...parts,
    version: VERSION,
    flavor: options.flavor,
    bindAddress: formatAddress(config.bindAddress),
    healthBindAddress: config.healthBindAddress && formatAddress(config.healthBindAddress),
    metricsBindAddress: config.metricsBindAddress && formatAddress(config.metricsBindAddress),
    tls: config.tls,
    auth: {
      mutualTls: config.tls?.clientCaPath !== undefined,
      allowUnauthenticated: config.allowUnauthenticatedUsers,
    },
    limits: config.limits,
    httpAllowedHosts: config.httpAllowedHosts,
    selected,
    driverSettings: selection.settings,
    connectExternal: options.connectExternal,
    sandboxNamespace: config.sandboxNamespace,
    defaultImage: config.defaultImage ?? '',
    lifecycle: { maxOperations: config.maxOperations, maxPendingCreates: config.maxPendingCreates },
    gatewayId: config.gatewayId,
    secretKeyPath: config.secretKeyPath,
    stateDir: join(home.stateDir, 'drivers'),
    env: options.env,
    openStore: () => openStore({ url, log: parts.log }),
    databasePlace: path === undefined ? undefined : () => databasePlace(path, options.env),
    adoptDatabase: config.adoptDatabase,
  });
}

/** Loads the gateway's code in steps, so that answers to the driver probes are handled in between. */
async function loadGateway(log: Logger, store: StoreEntry) {
  await yieldToEvents();
  const { quietGrpc } = await import('../../rpc/quiet.js');
  quietGrpc(log);
  await yieldToEvents();
  const { startGateway } = await import('../gateway.js');
  const { openStore } = await store.load();
  return { startGateway, openStore };
}

async function openTelemetry(
  { flavor }: ProcessOptions,
  { telemetry }: GatewayConfig,
  log: Logger,
): Promise<TelemetrySink | undefined> {
  const entry = telemetryOf(flavor, telemetry);
  if (entry === undefined || telemetry.endpoint === undefined) {
    return undefined;
  }
  const { createTelemetry } = await entry.load();
  return createTelemetry({ endpoint: telemetry.endpoint, version: VERSION, log });
}

function report(gateway: Gateway, { flavor }: ProcessOptions, log: Logger): void {
  log.info(`listening on ${gateway.address}`, {
    address: gateway.address,
    health_address: gateway.healthAddress,
    metrics_address: gateway.metricsAddress,
    version: VERSION,
    flavor: flavor.name,
    drivers: gateway.drivers.map(({ name }) => name).join(','),
    gateway_id: gateway.gatewayId,
  });
}
