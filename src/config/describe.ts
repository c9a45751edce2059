import type { DriverEntry } from '../compute/entry.js';
import type { Setting, SettingsSchema } from '../compute/settings.js';
import { isTable, type KeyPath } from './check-table.js';
import { driverKeys } from './driver-tables.js';
import { DRIVERS_PATH } from './file-schema.js';
import { type GatewayKey, keyLabel } from './key.js';
import { gatewayKey, KEY_NAMES } from './keys.js';

/** One key in the documentation. */
interface KeyDescription {
  /** The dotted path in the file, or the flag of a key that a file cannot set. */
  readonly key: string;
  /** `string`, `integer`, `boolean`, `list` or `table`, with the allowed values, e.g. `string: debug | info`. */
  readonly type: string;
  /** Empty: none. */
  readonly default: string;
  /** With dashes; empty: none. */
  readonly flags: readonly string[];
  /** Undefined: none. */
  readonly env: string | undefined;
  readonly doc: string;
}

/** The gateway's keys in the order of KEYS. */
export function describeGatewayKeys(): readonly KeyDescription[] {
  return KEY_NAMES.map((name) => {
    const key = gatewayKey(name);
    return {
      key: keyLabel(key),
      type: typeText(key.setting),
      default: key.defaultText ?? defaultText(key.setting),
      flags: flagTexts(key),
      env: key.env,
      doc: key.setting.doc,
    };
  });
}

/** The keys of a driver's table; keys of nested tables have a dotted path. */
export function describeDriverKeys(entry: DriverEntry): readonly KeyDescription[] {
  return describeSchema(driverKeys(entry), [...DRIVERS_PATH, entry.name]);
}

function describeSchema(schema: SettingsSchema, path: KeyPath): KeyDescription[] {
  return Object.entries(schema).flatMap(([key, setting]) => {
    const at = [...path, key];
    if (setting.type === 'table') {
      return describeSchema(setting.keys, at);
    }
    const texts = { type: typeText(setting), default: defaultText(setting), doc: setting.doc };
    return [{ key: at.join('.'), ...texts, flags: [], env: undefined }];
  });
}

function flagTexts({ flag, alias }: GatewayKey): string[] {
  return [flag, alias].filter((word) => word !== undefined).map((word) => `--${word}`);
}

function typeText(setting: Setting): string {
  switch (setting.type) {
    case 'string':
      return setting.values === undefined ? 'string' : `string: ${setting.values.join(' | ')}`;
    case 'integer': {
      const { min, max, unit } = setting;
      const range = min === undefined && max === undefined ? '' : ` ${min ?? ''}..${max ?? ''}`;
      return `integer${range}${unit === undefined ? '' : `, ${unit}`}`;
    }
    case 'strings':
      return 'list of strings';
    case 'any':
      return 'table';
    default:
      return setting.type;
  }
}

function defaultText(setting: Setting): string {
  return 'default' in setting && setting.default !== undefined ? valueText(setting.default) : '';
}

/** A value in TOML syntax. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(valueText).join(', ')}]`;
  }
  if (isTable(value)) {
    const pairs = Object.entries(value).map(([key, inner]) => `${key} = ${valueText(inner)}`);
    return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
