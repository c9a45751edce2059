import { driverSuite } from './driver-suite.js';
import { vmBed } from './vm-bed.js';
import { snapshotTest } from './vm-snapshot.js';

const bed = vmBed();
if ((await bed.unavailable()) === undefined) {
  snapshotTest(bed);
}
await driverSuite(bed);
