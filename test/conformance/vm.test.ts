import { driverSuite } from './driver-suite.js';
import { vmBed } from './vm-bed.js';

await driverSuite(vmBed());
