import type { Setting, SettingsSchema } from '../compute/settings.js';
import { gatewayKey, KEY_NAMES } from './keys.js';

/** The path of the drivers' tables, which are checked with each driver's schema. */
export const DRIVERS_PATH = ['openshell', 'drivers'] as const;

/** The schema of a whole file, from KEYS. It does not check the drivers' tables. */
export function fileSchema(): SettingsSchema {
  const root: MutableSchema = {};
  put(root, DRIVERS_PATH, { type: 'any', doc: 'One table for each driver.' });
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
