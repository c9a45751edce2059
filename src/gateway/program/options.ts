import type { Flavor } from '../../flavor/flavor.js';
import type { ConnectExternal } from '../drivers/create.js';

/** The options of the program `openshell-gateway`. */
export interface ProcessOptions {
  readonly flavor: Flavor;
  /** The commit that was built, or `dev`. */
  readonly build: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Undefined: this build cannot connect to drivers in other processes. */
  readonly connectExternal: ConnectExternal | undefined;
  /** Warnings about the build, e.g. parts left over from another one. */
  readonly buildWarnings: readonly string[];
}
