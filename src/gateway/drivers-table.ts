import type { DriverReport } from './drivers/selection.js';

/** What `openshell-gateway drivers --json` prints for one driver. */
export const driverToJson = (report: DriverReport) => ({
  name: report.name,
  state: report.state,
  reason: report.reason,
  engine_version: report.engineVersion,
  endpoint: report.endpoint,
  external: report.external,
  warnings: report.warnings,
  tried: report.tried,
  command: report.command,
});

/** The drivers for a person: one line each, and below it what to know or do. */
export const driversText = (reports: readonly DriverReport[]): string => {
  const width = Math.max(...reports.map(({ name }) => name.length));
  return reports
    .flatMap((report) => {
      const kind = report.external ? 'external' : report.engineVersion && `engine ${report.engineVersion}`;
      const facts = [report.reason, kind, report.endpoint && `at ${report.endpoint}`]
        .filter(Boolean)
        .join(', ');
      const below = [
        ...report.tried.map((place) => `tried ${place}`),
        ...report.warnings.map((warning) => `note: ${warning}`),
        ...(report.command === '' ? [] : [`get it with: ${report.command}`]),
      ];
      return [
        `${report.name.padEnd(width)}  ${report.state.padEnd(11)}  ${facts}`.trimEnd(),
        ...below.map((line) => `${' '.repeat(width + 2)}${line}`),
      ];
    })
    .join('\n')
    .concat('\n');
};
