import type { DriverModule } from '../../compute/entry.js';
import { unavailable } from '../../compute/errors.js';
import { createHostAccess } from '../container/host-access.js';
import { canLimitDisk, diskLimit, engineCeilings } from '../container/limits.js';
import { createPodmanClient } from './api/client.js';
import { discover } from './discover.js';
import { createPodmanDriver } from './driver.js';
import { hostWarnings, readHost } from './host.js';
import { SHUT_BRIDGES } from './names.js';
import { hostReach, ownBridges } from './network.js';
import type { PodmanSettings } from './settings.js';
import { usernsChoice } from './userns.js';

const TABLE = 'openshell.drivers.podman';
const START_TIMEOUT_MS = 30_000;

/** Makes the driver for the socket that the probe found; UNAVAILABLE when Podman no longer answers on it. */
export const createDriver: DriverModule['createDriver'] = async (context) => {
  const settings = context.settings as unknown as PodmanSettings;
  const userns = usernsChoice({ ...settings, env: context.env });
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const found = await discover({ configured: context.endpoint, env: context.env, signal });
  if ('reason' in found) {
    throw unavailable(found.reason, { reason: 'EngineUnavailable' });
  }
  const client = createPodmanClient(found);
  try {
    const host = readHost(await client.info({ signal }));
    for (const warning of hostWarnings(host)) {
      context.log.warn(warning);
    }
    const ceilings = engineCeilings(settings, host.size, TABLE);
    const diskBytes = diskLimit(settings.default_disk_limit, host.storage, TABLE);
    if (diskBytes === undefined) {
      const why = canLimitDisk(host.storage)
        ? 'default_disk_limit is not set'
        : `the storage driver ${host.storage.driver} has no quotas here`;
      context.log.info(`no limit on what a sandbox writes to its root: ${why}`);
    }
    const { gatewayId, version } = context;
    const dependencies = { owner: { gatewayId, version }, settings, userns, host, ceilings, diskBytes };
    const reach = hostReach(host, settings);
    if (reach !== undefined) {
      context.log.warn(reach);
    }
    const hostAccess = createHostAccess({
      allowed: settings.host_access,
      env: context.env,
      log: context.log,
    });
    if (ownBridges(host, settings) && !settings.host_access) {
      void hostAccess.keep(SHUT_BRIDGES);
    }
    return createPodmanDriver({ client, dependencies, hostAccess, context });
  } catch (error) {
    client.close();
    throw error;
  }
};
