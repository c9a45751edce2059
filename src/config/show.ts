import type { SettingsSchema } from '../compute/settings.js';
import { formatAddress } from './address.js';
import { isTable, type KeyPath, type TableValues } from './check-table.js';
import { valueText } from './describe.js';
import type { DriverTable } from './driver-tables.js';
import { keyLabel } from './key.js';
import { gatewayKey, KEY_NAMES, type KeyName } from './keys.js';
import type { SourcedAddress } from './listeners.js';
import type { ConfigSources, LoadedConfig } from './load.js';
import { DEFAULT_ORIGIN, type Origin, originText } from './origin.js';
import { effective } from './values.js';

/** One effective value, for `config show`. */
export interface EffectiveSetting {
  /** The dotted path in the file, or the flag of a key that a file cannot set. */
  readonly key: string;
  /** In TOML syntax, secrets masked; undefined: not set. */
  readonly value: string | undefined;
  /** E.g. `flag --port`, `env OPENSHELL_SERVER_PORT`, `file /etc/gateway.toml:3`, `default`. */
  readonly origin: string;
}

const MASK = '"***"';

/** Every effective value and where it comes from. */
export function describeConfig({ sources }: LoadedConfig): readonly EffectiveSetting[] {
  return [
    ...KEY_NAMES.filter((name) => !PARTS.has(name)).map((name) => describeKey(name, sources)),
    ...sources.drivers.flatMap((table) => describeDriver(table, sources)),
  ];
}

/** The same as text, one `key = value  # origin` per line, without keys that are not set. */
export function showConfig(loaded: LoadedConfig): string {
  return describeConfig(loaded)
    .filter(({ value }) => value !== undefined)
    .map(({ key, value, origin }) => `${key} = ${value}  # ${origin}\n`)
    .join('');
}

/** Shown as part of an address. */
const PARTS: ReadonlySet<KeyName> = new Set(['port', 'healthPort', 'metricsPort']);

function describeKey(name: KeyName, sources: ConfigSources): EffectiveSetting {
  const key = keyLabel(gatewayKey(name));
  const { listeners, database, file, values } = sources;
  switch (name) {
    case 'bindAddress':
    case 'healthBindAddress':
    case 'metricsBindAddress':
      return describeAddress(key, listeners[name]);
    case 'databaseUrl':
      return { key, value: valueText(database.value.shown), origin: originText(database.origin) };
    case 'configFile': {
      const origin = originText(effective(values.configFile)?.origin ?? DEFAULT_ORIGIN);
      return { key, value: file && valueText(file.path), origin };
    }
    default: {
      const layer = effective<unknown>(values[name]);
      const { secret } = gatewayKey(name).setting;
      const value = layer && (secret ? MASK : valueText(layer.value));
      return { key, value, origin: originText(layer?.origin ?? DEFAULT_ORIGIN) };
    }
  }
}

function describeAddress(key: string, address: SourcedAddress | undefined): EffectiveSetting {
  return {
    key,
    value: address && valueText(formatAddress(address.value)),
    origin: (address?.origins ?? [DEFAULT_ORIGIN]).map(originText).join(', '),
  };
}

function describeDriver(table: DriverTable, { file }: ConfigSources): EffectiveSetting[] {
  function origin(path: KeyPath, isSet: boolean): string {
    const from: Origin =
      isSet && file !== undefined
        ? { kind: 'file', path: file.path, line: file.lineOf(path) }
        : DEFAULT_ORIGIN;
    return originText(from);
  }

  const { schema, path, set, settings, socketPath } = table;
  if (schema === undefined) {
    // Without the driver's schema it is not known which keys are secret.
    return Object.keys(set).map((key) => {
      const at = [...path, key];
      return { key: at.join('.'), value: MASK, origin: `${origin(at, true)}, not checked` };
    });
  }
  function walk(
    keys: SettingsSchema,
    at: KeyPath,
    values: TableValues,
    given: TableValues,
  ): EffectiveSetting[] {
    return Object.entries(keys).flatMap(([key, setting]) => {
      const path = [...at, key];
      if (setting.type === 'table') {
        return walk(setting.keys, path, asTable(values[key]), asTable(given[key]));
      }
      const text = setting.secret ? MASK : valueText(values[key]);
      const value = values[key] === undefined ? undefined : text;
      return [{ key: path.join('.'), value, origin: origin(path, key in given) }];
    });
  }
  return walk(schema, path, { ...settings, socket_path: socketPath }, set);
}

function asTable(value: unknown): TableValues {
  return isTable(value) ? value : {};
}
