import type { DriverEntry } from '../../compute/entry.js';
import { probeVm } from './probe.js';
import { vmSettings } from './settings.js';

/** Sandboxes as QEMU virtual machines, in a driver process that the gateway starts. */
const vm: DriverEntry<'vm'> = {
  kind: 'driver',
  name: 'vm',
  marker: 'openshell-compute-driver:vm',
  autoDetect: false,
  settings: vmSettings,
  probe: probeVm,
  load: () => import('./index.js'),
};

export default vm;
