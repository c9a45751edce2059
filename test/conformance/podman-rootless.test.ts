import { driverSuite } from './driver-suite.js';
import { podmanBed } from './podman-bed.js';

await driverSuite(await podmanBed('rootless'));
