import { resolve } from 'node:path';
import type { DriverEntry } from '../compute/entry.js';
import { KNOWN_DRIVERS } from '../compute/known-parts.js';
import type { SettingsSchema } from '../compute/settings.js';
import { nearest } from '../kit/nearest.js';
import { checkTable, isTable, type KeyPath, type TableValues, withDefaults } from './check-table.js';
import type { ConfigFile } from './config-file.js';
import { DRIVERS_PATH } from './file-schema.js';
import type { DriverConfig } from './gateway-config.js';
import { quote } from './value-text.js';
import { fileReport, type Report, valueAt } from './values.js';

/** A driver's table from the file. */
export interface DriverTable extends DriverConfig {
  readonly name: string;
  readonly path: KeyPath;
  /** Undefined: not checked, because the driver is not in this build. */
  readonly schema: SettingsSchema | undefined;
  /** The values in the file, by key. */
  readonly set: TableValues;
}

const SOCKET_PATH = {
  socket_path: {
    type: 'string',
    doc: 'The gRPC socket of a driver in another process; without it the driver runs inside the gateway.',
  },
} as const satisfies SettingsSchema;

/** The keys of a driver's table: the driver's own and `socket_path`. */
export function driverKeys(entry: DriverEntry): SettingsSchema {
  return { ...entry.settings, ...SOCKET_PATH };
}

/**
 * The tables `[openshell.drivers.<name>]`, and a table with defaults for each driver of the build that has none.
 *
 * @param defaultImage the value of a driver's `default_image` when its table sets none
 */
export function readDriverTables(
  file: ConfigFile | undefined,
  drivers: readonly DriverEntry[],
  defaultImage: string | undefined,
  report: Report,
  warn: (message: string) => void,
): readonly DriverTable[] {
  const found = file && valueAt(file.root, DRIVERS_PATH);
  const tables = new Map(isTable(found) ? Object.entries(found) : []);
  const complain = file === undefined ? () => {} : fileReport(file, report);
  const check = { form: file?.form ?? 'typed', report: complain } as const;
  const built = drivers.map((entry): DriverTable => {
    const path = [...DRIVERS_PATH, entry.name];
    const schema = driverKeys(entry);
    const set = checkTable(schema, tables.get(entry.name) ?? {}, path, check);
    const inherited = 'default_image' in schema ? { default_image: defaultImage, ...set } : set;
    const { socket_path: _, ...settings } = withDefaults(schema, inherited);
    return { name: entry.name, path, schema, set, settings, socketPath: socketPath(set) };
  });
  const others = [...tables].flatMap(([name, table]): DriverTable[] => {
    if (drivers.some((entry) => entry.name === name)) {
      return [];
    }
    const path = [...DRIVERS_PATH, name];
    if (KNOWN_DRIVERS.some((known) => known.name === name)) {
      if (!isTable(table)) {
        complain(path, 'must be a table');
        return [];
      }
      warn(`[${path.join('.')}] is not checked: the driver ${name} is not in this build`);
      const set = checkTable(SOCKET_PATH, pick(table, 'socket_path'), path, check);
      return [{ name, path, schema: undefined, set: table, settings: table, socketPath: socketPath(set) }];
    }
    const set = checkTable(SOCKET_PATH, table, path, {
      ...check,
      unknownKey: () => `unknown key; an external driver has only the key socket_path${meant(name)}`,
    });
    if (isTable(table) && Object.keys(table).length === 0) {
      complain(path, `requires socket_path, the gRPC socket of an external driver${meant(name)}`);
    }
    return [{ name, path, schema: SOCKET_PATH, set, settings: {}, socketPath: socketPath(set) }];
  });
  return [...built, ...others];
}

function socketPath(set: TableValues): string | undefined {
  return typeof set.socket_path === 'string' ? resolve(set.socket_path) : undefined;
}

function pick(table: TableValues, key: string): TableValues {
  return Object.hasOwn(table, key) ? { [key]: table[key] } : {};
}

function meant(name: string): string {
  const known = KNOWN_DRIVERS.map((driver) => driver.name);
  const suggestion = nearest(name, known);
  return suggestion === undefined ? '' : `; did you mean the driver ${quote(suggestion)}?`;
}
