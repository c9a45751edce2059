import { driverSuite } from './driver-suite.js';
import { vmBed } from './vm-bed.js';
import { templateTest } from './vm-template.js';

const bed = vmBed();
if ((await bed.unavailable()) === undefined) {
  templateTest(bed);
}
await driverSuite(bed);
