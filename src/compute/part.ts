import type { SettingsSchema } from './settings.js';

/**
 * A flavor's entry for a part that a build may have or lack. It is light: every gateway of the flavor loads it, and
 * `load`, called when the part is selected, loads the rest.
 */
export interface PartEntry<Kind extends string, Module, Name extends string = string> {
  readonly kind: Kind;
  /** Unique among the parts of its kind. */
  readonly name: Name;
  /** A string that occurs nowhere else, so that an artifact can be searched for the part. */
  readonly marker: string;
  /** The keys of its configuration table; empty for a part without one. */
  readonly settings: SettingsSchema;
  load(): Promise<Module>;
}
