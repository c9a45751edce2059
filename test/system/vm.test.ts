import { join } from 'node:path';
import { VM_HOME, vmBed } from '../conformance/vm-bed.js';
import { systemSuite } from './system-suite.js';
import { vmProcesses } from './vm-processes.js';
import { vmTests } from './vm-tests.js';

const home = join(VM_HOME, `system-${process.pid}`);
/** Also of the second gateway that the suite starts. */
const stateDirs = [home, join(home, 'other')].map((path) => join(path, 'state/openshell/drivers/vm'));

/** A tool at work on a disk is none: its end is a failure of that work and told as one. */
async function victims() {
  return (await vmProcesses(join(home, 'state'))).filter(({ kind }) => kind !== 'other');
}

await systemSuite({
  bed: vmBed(stateDirs),
  driver: 'vm',
  home,
  table: `
accel = "tcg"
vcpus = 1
mem_mib = 160
overlay_disk_mib = 64
boot_timeout_secs = 90
stop_timeout_secs = 2
guest_dir = "${join(VM_HOME, 'guest')}"
image_dir = "${join(VM_HOME, 'images')}"
`,
  notMany: 'the machines at once are a test of their own below',
  crash: { creates: 1, most: 4, victims },
  more: (tools) => vmTests({ ...tools, stateHome: join(home, 'state') }),
});
