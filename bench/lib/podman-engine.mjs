import { openBarePodman, podmanSocket } from './bare-podman.mjs';
import { benchEngine } from './engine.mjs';
import { awaitExecCleanups, endExecCleanups } from './exec-cleanups.mjs';

const IMAGE = 'localhost/openshell-test:1';

/** The gateway on a real `rootful` or `rootless` Podman against the same calls of Podman's API made bare. */
export async function benchPodman(name, kind) {
  await awaitExecCleanups();
  const socketPath = podmanSocket(kind);
  await benchEngine({
    name,
    flavor: 'podman',
    table: `engine_socket = "${socketPath}"`,
    image: IMAGE,
    base: 'bare libpod calls',
    open: (side) => openBarePodman({ ...side, image: IMAGE, socketPath }),
  });
  await endExecCleanups();
}
