import { KNOWN_PARTS, wordOf } from '../compute/known-parts.js';
import { type Flavor, partsOf } from '../flavor/flavor.js';
import { GENERATIONS } from '../wire/generation.js';

/** Printed by `--version --json`. */
interface BuildInfo {
  readonly version: string;
  readonly flavor: string;
  readonly drivers: readonly string[];
  /** Parts of all other kinds, e.g. `store-sqlite`. */
  readonly parts: readonly string[];
  readonly telemetry: boolean;
  /** The served generations of the public API, such as `0.0`. */
  readonly apis: readonly string[];
  /** The Node.js version. */
  readonly node: string;
  /** The commit that was built, or `dev`. */
  readonly build: string;
}

export function buildInfo(flavor: Flavor, version: string, build: string): BuildInfo {
  return {
    version,
    flavor: flavor.name,
    drivers: flavor.drivers.map((entry) => entry.name),
    parts: partsOf(flavor)
      .filter(({ kind }) => kind !== 'driver')
      .map(wordOf),
    telemetry: flavor.telemetry !== undefined,
    apis: GENERATIONS,
    node: process.version,
    build,
  };
}

export function versionText(info: BuildInfo): string {
  return `openshell-gateway ${info.version} (flavor ${info.flavor}: ${info.drivers.join(', ')}; ${info.parts.join(', ')}; absent: ${
    absent(info).join(', ') || 'none'
  }; api ${info.apis.join(', ')}; node ${info.node}; build ${info.build})\n`;
}

/** Known parts other than drivers that this build lacks. */
function absent({ parts }: BuildInfo): string[] {
  return KNOWN_PARTS.filter(({ kind }) => kind !== 'driver')
    .map(wordOf)
    .filter((word) => !parts.includes(word));
}
