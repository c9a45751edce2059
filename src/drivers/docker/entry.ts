import type { DriverEntry } from '../../compute/entry.js';
import { discoverDocker } from './discover.js';
import { dockerSettings } from './settings.js';

/** Sandboxes as containers of a Docker engine on this host. */
const docker: DriverEntry<'docker'> = {
  kind: 'driver',
  name: 'docker',
  marker: 'openshell-compute-driver:docker',
  autoDetect: true,
  settings: dockerSettings,
  probe: discoverDocker,
  load: () => import('./index.js'),
};

export default docker;
