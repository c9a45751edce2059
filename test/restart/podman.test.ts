import { podmanSocket } from '../conformance/podman-api.js';
import { podmanBed } from '../conformance/podman-bed.js';
import { restartSuite } from './restart-suite.js';

await restartSuite({
  bed: await podmanBed('rootful'),
  driver: 'podman',
  table: `engine_socket = "${podmanSocket('rootful')}"`,
  engine: 'podman',
  args: ['rootful'],
});
