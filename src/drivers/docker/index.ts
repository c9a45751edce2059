import type { DriverModule } from '../../compute/entry.js';
import { createHostAccess } from '../container/host-access.js';
import { diskLimit, engineCeilings } from '../container/limits.js';
import { createDockerClient } from './api/client.js';
import { createDockerDriver } from './driver.js';
import { diskNote, type HostInfo, hostSize, limitWarnings, storageOf } from './host.js';
import type { DockerSettings } from './settings.js';

const TABLE = 'openshell.drivers.docker';

/** Asks the engine for its version and limits; UNAVAILABLE when it does not answer. */
export const createDriver: DriverModule['createDriver'] = async (context) => {
  const client = createDockerClient(context.endpoint);
  try {
    const settings = context.settings as DockerSettings;
    const [{ Version }, info] = await Promise.all([
      client.call('version of the Docker engine', () => client.docker.version()),
      client.call('description of the Docker engine', () => client.docker.info() as Promise<HostInfo>),
    ]);
    const ceilings = engineCeilings(settings, hostSize(info), TABLE);
    const diskBytes = diskLimit(settings.default_disk_limit, storageOf(info), TABLE);
    for (const warning of limitWarnings(info)) {
      context.log.warn(warning);
    }
    if (diskBytes === undefined) {
      context.log.info(diskNote(info));
    }
    const { host_access: allowed, network_name: network } = settings;
    const hostAccess = createHostAccess({ allowed, env: context.env, log: context.log });
    // Started early, so that a problem is logged at startup; startup does not wait for the rules, the first sandbox does.
    if (network !== 'none') {
      void hostAccess.keep(undefined);
    }
    return createDockerDriver({
      hostAccess,
      client,
      engineVersion: Version,
      dependencies: {
        owner: { gatewayId: context.gatewayId, version: context.version },
        settings,
        ceilings,
        diskBytes,
      },
      log: context.log,
    });
  } catch (error) {
    client.close();
    throw error;
  }
};
