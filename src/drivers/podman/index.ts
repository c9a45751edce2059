import type { DriverModule } from '../../compute/entry.js';
import { unavailable } from '../../compute/errors.js';
import { createPodmanClient } from './api/client.js';
import { discover } from './discover.js';
import { createPodmanDriver } from './driver.js';
import { hostWarnings, readHost } from './host.js';
import type { PodmanSettings } from './settings.js';
import { usernsChoice } from './userns.js';

const START_TIMEOUT_MS = 30_000;

/** Makes the driver for the socket that the probe found; UNAVAILABLE when Podman no longer answers on it. */
export const createDriver: DriverModule['createDriver'] = async (context) => {
  const settings = context.settings as unknown as PodmanSettings;
  const userns = usernsChoice({ ...settings, env: context.env });
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const found = await discover({ configured: context.endpoint, env: context.env, signal });
  if ('reason' in found) throw unavailable(found.reason, { reason: 'EngineUnavailable' });
  const client = createPodmanClient(found);
  try {
    const host = readHost(await client.info({ signal }));
    for (const warning of hostWarnings(host)) context.log.warn(warning);
    const { gatewayId, version } = context;
    const workshop = { owner: { gatewayId, version }, settings, userns, host };
    return createPodmanDriver({ client, workshop, context });
  } catch (error) {
    client.close();
    throw error;
  }
};
