import type { GatewayConfig } from '../../config/gateway-config.js';
import { reportDrivers } from '../drivers/selection.js';
import { driversText, driverToJson } from '../drivers-table.js';
import type { ProcessOptions } from './run.js';
import { selectionOptions } from './selection-options.js';

/** `openshell-gateway drivers [--json]`. */
export const printDrivers = async (
  options: ProcessOptions,
  config: GatewayConfig,
  json: boolean,
): Promise<string> => {
  const reports = await reportDrivers(selectionOptions(options, config, new AbortController().signal));
  return json
    ? `${JSON.stringify({ flavor: options.flavor.name, drivers: reports.map(driverToJson) }, null, 2)}\n`
    : driversText(reports);
};
