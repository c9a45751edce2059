import { resolve } from 'node:path';
import { Code, OpenShellError } from '../../compute/errors.js';
import type { GatewayConfig } from '../../config/gateway-config.js';
import type { Flavor } from '../../flavor/flavor.js';
import { storeOf } from './parts.js';

/** `openshell-gateway backup FILE`. */
export async function printBackup(
  flavor: Flavor,
  { database, secretKeyPath }: Pick<GatewayConfig, 'database' | 'secretKeyPath'>,
  file: string,
): Promise<string> {
  const entry = storeOf(flavor, database);
  const { backup } = await entry.load();
  if (backup === undefined) {
    throw new OpenShellError(Code.UNIMPLEMENTED, `the gateway cannot back up the store '${entry.name}'`, {
      reason: 'BackupUnsupported',
      hint: 'use the tools of the database',
    });
  }
  const to = resolve(file);
  const { bytes, schema, sandboxes, online } = await backup(database.url, to);
  const source = online ? 'in use by a gateway' : 'not in use';
  return (
    `${to}: ${bytes} bytes, schema ${schema}, ${sandboxes} sandboxes, checked; from ${database.path ?? database.shown} (${source})\n` +
    `The key is not part of the backup: also keep a copy of ${secretKeyPath}, in another place.\n` +
    'The backup contains the environments of all sandboxes: keep it secret. To restore it, see docs/backup.md.\n'
  );
}
