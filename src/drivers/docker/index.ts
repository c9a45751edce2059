import type { DriverModule } from '../../compute/entry.js';
import { createDockerDriver } from './driver.js';
import { createEngine } from './engine.js';
import type { DockerSettings } from './settings.js';

/** The engine says its version when the driver is made; an engine that does not answer by then is UNAVAILABLE. */
export const createDriver: DriverModule['createDriver'] = async (context) => {
  const engine = createEngine(context.endpoint);
  try {
    const { Version } = await engine.call('version of the Docker engine', () => engine.docker.version());
    return createDockerDriver({
      engine,
      engineVersion: Version,
      workshop: {
        owner: { gatewayId: context.gatewayId, version: context.version },
        settings: context.settings as DockerSettings,
      },
      log: context.log,
    });
  } catch (error) {
    engine.close();
    throw error;
  }
};
