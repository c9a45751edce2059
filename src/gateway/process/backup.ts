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
    throw new OpenShellError(
      Code.UNIMPLEMENTED,
      `the store '${entry.name}' is not backed up by the gateway`,
      {
        reason: 'BackupUnsupported',
        hint: "use its engine's own tools",
      },
    );
  }
  const to = resolve(file);
  const { bytes, schema, sandboxes, online } = await backup(database.url, to);
  const source = online ? 'a running gateway has it' : 'no gateway runs on it';
  return (
    `${to}: ${bytes} bytes, schema ${schema}, ${sandboxes} sandboxes, checked; from ${database.path ?? database.shown} (${source})\n` +
    `The key that belongs to it is not in it: keep a copy of ${secretKeyPath} too, in another place.\n` +
    'The backup holds the environments of all sandboxes: keep it as a secret. docs/backup.md says how to restore it.\n'
  );
}
