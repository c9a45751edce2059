import type { SandboxAccess } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import type { SandboxRecord } from '../../store/model.js';
import { driverOf, type ManagedDriver } from '../drivers/managed.js';

/** Called once when a caller begins to use a sandbox: for metrics, and later for ending idle sandboxes. */
export type Activity = (record: SandboxRecord, use: 'exec' | 'logs') => void;

/** The driver's access to a sandbox, for exec and logs. */
export async function accessOf(
  record: SandboxRecord,
  drivers: ReadonlyMap<string, ManagedDriver>,
): Promise<SandboxAccess> {
  const { access } = await driverOf(drivers, record).driver();
  if (access !== undefined) {
    return access;
  }
  throw new OpenShellError(
    Code.UNIMPLEMENTED,
    `driver '${record.driver}' offers no access to its sandboxes, only their lifecycle`,
    { reason: 'AccessNotServed' },
  );
}
