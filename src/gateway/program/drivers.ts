import { OpenShellError } from '../../compute/errors.js';
import type { GatewayConfig } from '../../config/gateway-config.js';
import { deadline } from '../../kit/deadline.js';
import { type DriverReport, reportDrivers } from '../drivers/selection.js';
import { driversText, driverToJson, partsText, partToJson, reportParts } from '../drivers/table.js';
import type { ProcessOptions } from './options.js';
import { selectionOptions } from './selection-options.js';

const EXTERNAL_TIMEOUT_MS = 2_000;

/** `openshell-gateway drivers [--json]`. */
export async function printDrivers(
  options: ProcessOptions,
  config: GatewayConfig,
  json: boolean,
): Promise<string> {
  const found = await reportDrivers(selectionOptions(options, config, new AbortController().signal));
  const reports = await Promise.all(
    found.map((report) => (report.external ? probeExternal(report, options) : report)),
  );
  const parts = reportParts(options.flavor);
  return json
    ? `${JSON.stringify({ flavor: options.flavor.name, drivers: reports.map(driverToJson), parts: parts.map(partToJson) }, null, 2)}\n`
    : `${driversText(reports)}\n${partsText(parts)}`;
}

/** A driver in another process is ready when it answers on its socket. */
async function probeExternal(
  report: DriverReport,
  { connectExternal }: ProcessOptions,
): Promise<DriverReport> {
  const signal = deadline(EXTERNAL_TIMEOUT_MS);
  try {
    const driver = await connectExternal?.({ name: report.name, socketPath: report.endpoint, signal });
    const capabilities = await driver?.capabilities({ signal });
    await driver?.close();
    return { ...report, engineVersion: capabilities?.driverVersion ?? '' };
  } catch (error) {
    const reason = signal.aborted
      ? `no driver answers within ${EXTERNAL_TIMEOUT_MS / 1000} s`
      : OpenShellError.from(error).text;
    return { ...report, state: 'unavailable', reason };
  }
}
