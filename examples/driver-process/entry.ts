import type { DriverEntry } from '../../compute/entry.js';

/** Sandboxes as plain processes of this host. An example of a driver: it isolates nothing. */
const entry: DriverEntry<'process'> = {
  kind: 'driver',
  name: 'process',
  marker: 'OPENSHELL_DRIVER_MARKER:process',
  autoDetect: false,
  settings: {},
  probe: async () => ({
    state: 'ready',
    endpoint: `pid:${process.pid}`,
    engineVersion: process.version,
    warnings: ['sandboxes of this driver are not isolated from the host'],
  }),
  load: () => import('./index.js'),
};

export default entry;
