import type { LeafSetting, ValueOf } from './check-value.js';

/** Where a gateway key can be set besides the file, and properties that its setting does not have. */
interface Binding<V> {
  /** Without dashes. The flag of a list can be repeated. */
  readonly flag?: string;
  readonly alias?: string;
  readonly env?: string;
  /** A blank environment variable counts as set; by default it counts as unset. */
  readonly keepBlank?: true;
  /** Parses a flag or an environment variable. Default: by the type of the setting. */
  fromText?(text: string): V;
  /** A further check; returns what is wrong, if anything. */
  check?(value: V): string | undefined;
  /** Describes a default that is determined when the gateway starts. */
  readonly defaultText?: string;
}

/** One key of the gateway: in the file, as a flag, as an environment variable. */
export interface GatewayKey<S extends LeafSetting = LeafSetting> extends Binding<ValueOf<S>> {
  /** The dotted path in the file; undefined: a file cannot set it. */
  readonly path: string | undefined;
  readonly setting: S;
}

/** A key that a file can set. */
export function fileKey<const S extends LeafSetting>(
  path: string,
  setting: S,
  binding: Binding<ValueOf<S>> = {},
): GatewayKey<S> & { readonly path: string } {
  return { ...binding, path, setting };
}

/** A key that only the command line and the environment can set. */
export function processKey<const S extends LeafSetting>(
  setting: S,
  binding: Binding<ValueOf<S>> & { readonly flag: string },
): GatewayKey<S> {
  return { ...binding, path: undefined, setting };
}

/** The name of a key in messages and tables: its dotted path, or its flag. */
export function keyLabel(key: GatewayKey): string {
  return key.path ?? `--${key.flag}`;
}
