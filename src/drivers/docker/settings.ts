import type { Settings } from '../../compute/settings.js';
import { containerSettings } from '../container/settings.js';

/** The keys of `[openshell.drivers.docker]`. */
export const dockerSettings = {
  engine_socket: {
    type: 'string',
    pattern: /^\/.+$/,
    doc: 'Path of the Docker engine socket. Default: DOCKER_HOST, then the usual places.',
  },
  network_name: {
    type: 'string',
    default: 'openshell-docker',
    pattern: /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/,
    doc: 'Bridge network of the sandboxes; made on demand, without traffic between containers.',
  },
  ...containerSettings,
} as const;

export type DockerSettings = Settings<typeof dockerSettings>;
