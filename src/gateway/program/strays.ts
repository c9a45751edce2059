import { join } from 'node:path';
import { OpenShellError, unavailable } from '../../compute/errors.js';
import { silentLogger } from '../../compute/log.js';
import { VERSION } from '../../compute/version.js';
import { formatAddress } from '../../config/address.js';
import type { GatewayConfig } from '../../config/gateway-config.js';
import type { HomePaths } from '../../config/home.js';
import { deadline } from '../../kit/deadline.js';
import { createDrivers } from '../drivers/create.js';
import type { ManagedDriver } from '../drivers/managed.js';
import { selectDrivers } from '../drivers/selection.js';
import { gatewayId } from '../identity.js';
import { openKeys } from '../keys/keys.js';
import { toStrayLine } from '../lifecycle/reconciler.js';
import type { ProcessOptions } from './options.js';
import { storeOf } from './parts.js';
import { selectionOptions } from './selection-options.js';

const LIST_TIMEOUT_MS = 30_000;

/**
 * `openshell-gateway strays`: lists resources on the engines that carry this gateway's id and have neither a row nor a
 * tombstone; those with a tombstone are removed by the next start. Changes nothing. A running gateway locks the store,
 * so it is asked over its health listener.
 */
export async function printStrays(
  options: ProcessOptions,
  config: GatewayConfig,
  home: HomePaths,
): Promise<string> {
  const signal = deadline(LIST_TIMEOUT_MS);
  try {
    return await fromStore(options, config, home, signal);
  } catch (error) {
    if (!(error instanceof OpenShellError) || error.reason !== 'StoreLocked') {
      throw error;
    }
    if (config.healthBindAddress === undefined) {
      throw unavailable('the gateway is running and has no health listener', {
        reason: 'StoreLocked',
        hint: 'set health_bind_address, search its log for "left alone", or stop it first',
      });
    }
    const response = await fetch(`http://${formatAddress(config.healthBindAddress)}/strays`, { signal });
    return text(((await response.json()) as { strays: StrayLine[] }).strays);
  }
}

/** One stray in the answer of /strays. */
type StrayLine = ReturnType<typeof toStrayLine>;

async function fromStore(
  options: ProcessOptions,
  config: GatewayConfig,
  home: HomePaths,
  signal: AbortSignal,
): Promise<string> {
  const { openBriefly } = await storeOf(options.flavor, config.database).load();
  const store = await openBriefly({ url: config.database.url, log: silentLogger });
  const strays: StrayLine[] = [];
  let drivers: ReadonlyMap<string, ManagedDriver> = new Map();
  try {
    const id = await gatewayId(store, config.gatewayId);
    const selection = selectionOptions(options, config, signal);
    drivers = createDrivers(await selectDrivers(selection), {
      gatewayId: id,
      keys: await openKeys(store, config.secretKeyPath, id),
      version: VERSION,
      stateDir: join(home.stateDir, 'drivers'),
      settings: selection.settings,
      env: options.env,
      log: silentLogger,
      connectExternal: options.connectExternal,
      signal,
    });
    for (const managed of drivers.values()) {
      for (const sandbox of await (await managed.driver()).list({ signal })) {
        const known = (await store.getSandbox(sandbox.id)) ?? (await store.getTombstone(sandbox.id));
        if (known === undefined) {
          strays.push(toStrayLine({ driver: managed.name, sandbox }));
        }
      }
    }
  } finally {
    await Promise.all([...drivers.values()].map((managed) => managed.close()));
    await store.close();
  }
  return text(strays);
}

function text(strays: readonly StrayLine[]): string {
  if (strays.length === 0) {
    return 'no strays\n';
  }
  const lines = strays.map(
    (stray) =>
      `${stray.driver}  ${stray.resource}  sandbox ${stray.sandbox_id} (${stray.workspace}/${stray.name})\n`,
  );
  return `${lines.join('')}These carry this gateway's id and have no row in its database. Remove them with the engine's own tools.\n`;
}
