import { podmanSocket } from '../conformance/podman-api.js';
import { podmanBed } from '../conformance/podman-bed.js';
import { systemSuite } from './system-suite.js';

await systemSuite({
  bed: await podmanBed('rootful'),
  driver: 'podman',
  table: `engine_socket = "${podmanSocket('rootful')}"`,
});
