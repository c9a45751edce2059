import type { LeafSetting, ValueOf } from './check-value.js';

/** Where a gateway key can be set beside the file, and what its setting cannot say. */
interface Binding<V> {
  /** Without the two dashes. A list may be given several times. */
  readonly flag?: string;
  readonly alias?: string;
  readonly env?: string;
  /** A blank environment variable is a value; otherwise it counts as unset. */
  readonly keepBlank?: true;
  /** Reads a flag or an environment variable in the key's own way. */
  fromText?(text: string): V;
  /** What is wrong with a value that fits the setting, if anything. */
  check?(value: V): string | undefined;
  /** The default in words, where it is made when the gateway starts. */
  readonly defaultText?: string;
}

/** One key of the gateway's own: in the file, as a flag, as an environment variable. */
export interface GatewayKey<S extends LeafSetting = LeafSetting> extends Binding<ValueOf<S>> {
  /** The dotted path in the file; undefined when a file cannot set it. */
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

/** A key for the command line and the environment alone. */
export function processKey<const S extends LeafSetting>(
  setting: S,
  binding: Binding<ValueOf<S>> & { readonly flag: string },
): GatewayKey<S> {
  return { ...binding, path: undefined, setting };
}

/** How a key is called in messages and tables: its dotted path, or its flag. */
export function keyLabel(key: GatewayKey): string {
  return key.path ?? `--${key.flag}`;
}
