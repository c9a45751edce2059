import type { Flavor } from '../../flavor/flavor.js';
import type { ConnectExternal } from '../drivers/create.js';

/** What a program that is a gateway starts it with. */
export interface ProcessOptions {
  readonly flavor: Flavor;
  /** What the build was made from, e.g. a commit. */
  readonly build: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Undefined: this build cannot reach drivers in other processes. */
  readonly connectExternal: ConnectExternal | undefined;
  /** What an operator should know about the build, e.g. left-over output. */
  readonly buildWarnings: readonly string[];
}
