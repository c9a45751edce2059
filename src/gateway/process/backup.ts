import { resolve } from 'node:path';
import type { GatewayConfig } from '../../config/gateway-config.js';
import { backupDatabase } from '../../store/sqlite/backup.js';

/** `openshell-gateway backup FILE`. */
export const printBackup = async (
  { databasePath, secretKeyPath }: Pick<GatewayConfig, 'databasePath' | 'secretKeyPath'>,
  file: string,
): Promise<string> => {
  const to = resolve(file);
  const { bytes, schema, sandboxes, online } = await backupDatabase(databasePath, to);
  const source = online ? 'a running gateway has it' : 'no gateway runs on it';
  return (
    `${to}: ${bytes} bytes, schema ${schema}, ${sandboxes} sandboxes, checked; from ${databasePath} (${source})\n` +
    `The key that belongs to it is not in it: keep a copy of ${secretKeyPath} too, in another place.\n` +
    'The backup holds the environments of all sandboxes: keep it as a secret. docs/backup.md says how to restore it.\n'
  );
};
