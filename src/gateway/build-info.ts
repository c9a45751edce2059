import type { Flavor } from '../compute/flavor.js';

/** What `--version --json` prints. */
export interface BuildInfo {
  readonly version: string;
  readonly flavor: string;
  readonly drivers: readonly string[];
  readonly telemetry: boolean;
  /** The Node release that runs it. */
  readonly node: string;
  /** What the build was made from: a commit, or `dev`. */
  readonly build: string;
}

export const buildInfo = (flavor: Flavor, version: string, build: string): BuildInfo => ({
  version,
  flavor: flavor.name,
  drivers: flavor.drivers.map((entry) => entry.name),
  telemetry: flavor.telemetry !== undefined,
  node: process.version,
  build,
});

export const versionText = (info: BuildInfo): string =>
  `openshell-gateway ${info.version} (flavor ${info.flavor}: ${info.drivers.join(', ')}; telemetry ${
    info.telemetry ? 'in the build' : 'absent'
  }; node ${info.node}; build ${info.build})\n`;
