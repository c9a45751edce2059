import { join } from 'node:path';
import { deadline } from '../../compute/deadline.js';
import { failedPrecondition } from '../../compute/errors.js';
import { silentLogger } from '../../compute/log.js';
import { VERSION } from '../../compute/version.js';
import type { GatewayConfig } from '../../config/gateway-config.js';
import type { HomePaths } from '../../config/home.js';
import { readGatewayState } from '../../store/sqlite/read-state.js';
import { createDrivers } from '../drivers/create.js';
import { selectDrivers } from '../drivers/selection.js';
import type { ProcessOptions } from './run.js';
import { selectionOptions } from './selection-options.js';

const LIST_TIMEOUT_MS = 30_000;

/** `openshell-gateway strays`: what carries this gateway's id on its engines and has no row; it changes nothing. */
export const printStrays = async (
  options: ProcessOptions,
  config: GatewayConfig,
  home: HomePaths,
): Promise<string> => {
  const signal = deadline(LIST_TIMEOUT_MS);
  const state = await readGatewayState(config.databasePath);
  const id = state.gatewayId ?? config.gatewayId;
  if (id === undefined) {
    throw failedPrecondition(`no gateway has run with '${config.databasePath}' yet`, {
      reason: 'NoGatewayId',
    });
  }
  const selection = selectionOptions(options, config, signal);
  const drivers = createDrivers(await selectDrivers(selection), {
    gatewayId: id,
    version: VERSION,
    sandboxNamespace: config.sandboxNamespace,
    stateDir: join(home.stateDir, 'drivers'),
    settings: selection.settings,
    env: options.env,
    log: silentLogger,
    connectExternal: options.connectExternal,
  });
  const lines: string[] = [];
  try {
    for (const managed of drivers.values()) {
      for (const sandbox of await (await managed.driver()).list({ signal })) {
        if (state.sandboxIds.has(sandbox.id)) continue;
        lines.push(
          `${managed.name}  ${sandbox.status.resourceName}  sandbox ${sandbox.id} (${sandbox.workspace}/${sandbox.name})`,
        );
      }
    }
  } finally {
    await Promise.all([...drivers.values()].map((managed) => managed.close()));
  }
  if (lines.length === 0) return `no strays of gateway ${id}\n`;
  return `${lines.join('\n')}\nthey carry the id of gateway ${id} and are in none of its rows; remove them with the engine's own tools\n`;
};
