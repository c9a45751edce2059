import type { Setting, SettingsSchema } from '../compute/settings.js';
import { gatewayKey, KEY_NAMES } from './keys.js';

/** Where the drivers' tables stand; they are checked with the schema of each driver. */
export const DRIVERS_PATH = ['openshell', 'drivers'] as const;

/** The schema of a whole file, made from the table of keys. Drivers' tables are left unchecked in it. */
export function fileSchema(): SettingsSchema {
  const root: MutableSchema = {};
  put(root, DRIVERS_PATH, { type: 'any', doc: 'A table a driver.' });
  for (const name of KEY_NAMES) {
    const { path, setting } = gatewayKey(name);
    if (path !== undefined) {
      put(root, path.split('.'), setting);
    }
  }
  return root;
}

type MutableSchema = { [key: string]: Setting };

function put(schema: MutableSchema, path: readonly string[], setting: Setting): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) {
    schema[key] = setting;
    return;
  }
  const existing = schema[key];
  const keys = existing?.type === 'table' ? (existing.keys as MutableSchema) : {};
  schema[key] = { type: 'table', keys, doc: 'A table.' };
  put(keys, rest, setting);
}
