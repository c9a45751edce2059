import { dockerBed } from './docker-bed.js';
import { driverSuite } from './driver-suite.js';

await driverSuite(dockerBed());
