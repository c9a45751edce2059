import type { SettingsSchema } from '../compute/settings.js';
import { nearest } from '../kit/nearest.js';
import { checkValue, type Form } from './check-value.js';
import { kindOf, quote } from './value-text.js';

export type KeyPath = readonly string[];

/** The values that a table sets, by key; nested tables are nested objects. Without a prototype. */
export type TableValues = Readonly<Record<string, unknown>>;

interface TableCheck {
  readonly form: Form;
  /** Called for every problem, with the path of the key. */
  report(path: KeyPath, complaint: string): void;
  /** Overrides the message for an unknown key. */
  unknownKey?(path: KeyPath): string | undefined;
}

/** Checks a parsed table against its schema. Invalid values are reported and left out; defaults are not filled in. */
export function checkTable(
  schema: SettingsSchema,
  table: unknown,
  path: KeyPath,
  check: TableCheck,
): TableValues {
  const values: Record<string, unknown> = Object.create(null);
  if (!isTable(table)) {
    check.report(path, `must be a table, not ${kindOf(table)}`);
    return values;
  }
  for (const [key, raw] of Object.entries(table)) {
    const at = [...path, key];
    const setting = Object.hasOwn(schema, key) ? schema[key] : undefined;
    if (setting === undefined) {
      check.report(at, check.unknownKey?.(at) ?? unknownKeyText(key, schema));
    } else if (setting.type === 'table') {
      values[key] = checkTable(setting.keys, raw, at, check);
    } else {
      const checked = checkValue(setting, raw, check.form);
      if ('value' in checked) {
        values[key] = checked.value;
      } else {
        check.report(at, checked.complaint);
      }
    }
  }
  return values;
}

/** The values with the schema's defaults filled in; every nested table exists. */
export function withDefaults(schema: SettingsSchema, values: TableValues): TableValues {
  const filled: Record<string, unknown> = Object.create(null);
  for (const [key, setting] of Object.entries(schema)) {
    if (setting.type === 'table') {
      filled[key] = withDefaults(setting.keys, (values[key] ?? {}) as TableValues);
    } else {
      const value = values[key] ?? ('default' in setting ? setting.default : undefined);
      if (value !== undefined) {
        filled[key] = value;
      }
    }
  }
  return filled;
}

export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function unknownKeyText(key: string, schema: SettingsSchema): string {
  const keys = Object.keys(schema);
  const suggestion = nearest(key, keys);
  if (suggestion !== undefined) {
    return `unknown key; did you mean ${quote(suggestion)}?`;
  }
  return keys.length === 0 ? 'unknown key; this table has no keys' : `unknown key; known: ${keys.join(', ')}`;
}
