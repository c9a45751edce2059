import type { DriverEntry } from '../../compute/entry.js';
import { OpenShellError } from '../../compute/errors.js';
import { discover } from './discover.js';
import { podmanSettings } from './settings.js';

/** Podman as a flavor lists it. The API client is loaded by `probe` once a socket has answered, and by `load`. */
const podman = {
  kind: 'driver',
  name: 'podman',
  marker: 'OPENSHELL_DRIVER_MARKER:podman',
  autoDetect: true,
  settings: podmanSettings,

  async probe({ settings, env, signal }) {
    const configured = settings.engine_socket as string | undefined;
    const found = await discover({ configured, env, signal });
    if ('reason' in found) {
      return { state: 'unavailable', ...found };
    }
    const { createPodmanClient } = await import('./api/client.js');
    const { hostWarnings, readHost } = await import('./host.js');
    const client = createPodmanClient(found);
    try {
      const host = readHost(await client.info({ signal }));
      if (!host.events) {
        const reason =
          "Podman's events are switched off: set events_logger to journald or file in containers.conf";
        return { state: 'unavailable', reason, tried: [`${found.socketPath}: Podman ${host.version}`] };
      }
      return {
        state: 'ready',
        endpoint: found.socketPath,
        engineVersion: host.version,
        warnings: hostWarnings(host),
      };
    } catch (error) {
      const reason = OpenShellError.from(error).text;
      return { state: 'unavailable', reason, tried: [`${found.socketPath}: ${reason}`] };
    } finally {
      client.close();
    }
  },

  load: () => import('./index.js'),
} as const satisfies DriverEntry;

export default podman;
