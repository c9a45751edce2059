import { checkTable, isTable, type KeyPath } from './check-table.js';
import { type Checked, checkValue } from './check-value.js';
import type { ConfigFile } from './config-file.js';
import { DRIVERS_PATH, fileSchema } from './file-schema.js';
import { type GatewayKey, keyLabel } from './key.js';
import { gatewayKey, KEY_NAMES, type KeyName, type KeyValue, REFUSED_KEYS } from './keys.js';
import { DEFAULT_ORIGIN, type Origin, originPlace, type Sourced } from './origin.js';
import type { Problem } from './problem.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The flags on the command line: every text given for each key. */
export type Flags = ReadonlyMap<KeyName, readonly string[]>;

/** All values of each key, by precedence: flag, environment, file, default. */
export type Values = { readonly [N in KeyName]: readonly Sourced<KeyValue<N>>[] };

/** The value of highest precedence, if any. */
export function effective<T>(layers: readonly Sourced<T>[]): Sourced<T> | undefined {
  return layers[0];
}

export type Report = (problem: Problem) => void;

/** The values of one key on the command line and in the environment. */
export function processLayers<N extends KeyName>(
  name: N,
  flags: Flags,
  env: Environment,
  report: Report,
): Sourced<KeyValue<N>>[] {
  const key = gatewayKey(name);
  const layers: Sourced<unknown>[] = [];
  const texts = flags.get(name);
  if (texts !== undefined && key.flag !== undefined) {
    const text = key.setting.type === 'strings' ? texts.join(',') : (texts.at(-1) ?? '');
    accept(key, readText(key, text), { kind: 'flag', name: key.flag }, report, layers);
  }
  const text = key.env === undefined ? undefined : env[key.env];
  if (key.env !== undefined && text !== undefined && (key.keepBlank || text.trim() !== '')) {
    accept(key, readText(key, text), { kind: 'env', name: key.env }, report, layers);
  }
  return layers as Sourced<KeyValue<N>>[];
}

/** Reads every key of the gateway from all its sources; invalid values are reported and left out. */
export function readValues(
  flags: Flags,
  env: Environment,
  file: ConfigFile | undefined,
  report: Report,
): Values {
  const fromFile = file === undefined ? undefined : checkedFile(file, report);
  const values = KEY_NAMES.map((name) => {
    const key = gatewayKey(name);
    const layers: Sourced<unknown>[] = processLayers(name, flags, env, report);
    if (file !== undefined && key.path !== undefined) {
      const path = key.path.split('.');
      const value = valueAt(fromFile, path);
      const origin: Origin = { kind: 'file', path: file.path, line: file.lineOf(path) };
      if (value !== undefined) {
        accept(key, { value }, origin, report, layers);
      }
    }
    const fallback = 'default' in key.setting ? key.setting.default : undefined;
    if (fallback !== undefined) {
      layers.push({ value: fallback, origin: DEFAULT_ORIGIN });
    }
    return [name, layers];
  });
  return Object.fromEntries(values) as Values;
}

/** The value at a path of the file, if any. */
export function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const key of path) {
    if (!isTable(value) || !Object.hasOwn(value, key)) {
      return undefined;
    }
    value = value[key];
  }
  return value;
}

/** Reports problems of keys in a file, with their lines. */
export function fileReport(file: ConfigFile, report: Report): (path: KeyPath, message: string) => void {
  return (path, message) => {
    const place = originPlace({ kind: 'file', path: file.path, line: file.lineOf(path) });
    report({ place, key: path.join('.'), message });
  };
}

function checkedFile(file: ConfigFile, report: Report): unknown {
  const complain = fileReport(file, report);
  function unknownKey(path: KeyPath): string | undefined {
    const dotted = path.join('.');
    return Object.hasOwn(REFUSED_KEYS, dotted) ? REFUSED_KEYS[dotted] : undefined;
  }

  const drivers = valueAt(file.root, DRIVERS_PATH);
  if (drivers !== undefined && !isTable(drivers)) {
    complain(DRIVERS_PATH, 'must contain a table for each driver');
  }
  return checkTable(fileSchema(), file.root, [], { form: file.form, report: complain, unknownKey });
}

function readText(key: GatewayKey, text: string): Checked {
  return key.fromText === undefined ? checkValue(key.setting, text, 'text') : { value: key.fromText(text) };
}

function accept(
  key: GatewayKey,
  checked: Checked,
  origin: Origin,
  report: Report,
  layers: Sourced<unknown>[],
): void {
  const complaint = 'complaint' in checked ? checked.complaint : key.check?.(checked.value as never);
  if (complaint !== undefined) {
    report({ place: originPlace(origin), key: keyLabel(key), message: complaint });
  } else if ('value' in checked) {
    layers.push({ value: checked.value, origin });
  }
}
