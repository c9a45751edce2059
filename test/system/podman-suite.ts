import { after } from 'node:test';
import type { PodmanKind } from '../conformance/podman-api.js';
import { podmanBed } from '../conformance/podman-bed.js';
import { podmanService } from '../conformance/podman-service.js';
import { type SystemBed, systemSuite } from './system-suite.js';

/** On a service of its own, so that it can be ended under the gateway. */
export async function podmanSuite(kind: PodmanKind, more?: SystemBed['more']): Promise<void> {
  const bed = await podmanBed(kind);
  const service = podmanService(kind, 'system');
  if ((await bed.unavailable()) === undefined) {
    await service.start();
  }
  after(() => service.end());
  await systemSuite({
    bed,
    driver: 'podman',
    table: `engine_socket = "${service.socket}"`,
    ...(more && { more }),
    async restartEngine() {
      await service.end();
      await service.start();
    },
  });
}
