import { after } from 'node:test';
import { podmanBed } from '../conformance/podman-bed.js';
import { podmanService } from '../conformance/podman-service.js';
import { podmanSecrets } from './podman-secrets.js';
import { systemSuite } from './system-suite.js';

const bed = await podmanBed('rootful');
const service = podmanService('rootful', 'system');
if ((await bed.unavailable()) === undefined) {
  await service.start();
}
after(() => service.end());

await systemSuite({
  bed,
  driver: 'podman',
  table: `engine_socket = "${service.socket}"`,
  more: podmanSecrets,
  async restartEngine() {
    await service.end();
    await service.start();
  },
});
