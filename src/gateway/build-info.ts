import type { Flavor } from '../compute/flavor.js';
import { GENERATIONS } from '../wire/generation.js';

/** What `--version --json` prints. */
export interface BuildInfo {
  readonly version: string;
  readonly flavor: string;
  readonly drivers: readonly string[];
  readonly telemetry: boolean;
  /** The generations of the public API that it serves, such as `0.0`. */
  readonly apis: readonly string[];
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
  apis: GENERATIONS,
  node: process.version,
  build,
});

export const versionText = (info: BuildInfo): string =>
  `openshell-gateway ${info.version} (flavor ${info.flavor}: ${info.drivers.join(', ')}; telemetry ${
    info.telemetry ? 'in the build' : 'absent'
  }; api ${info.apis.join(', ')}; node ${info.node}; build ${info.build})\n`;
