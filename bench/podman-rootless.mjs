/**
 * The gateway on a real rootless Podman against the same calls of Podman's API made bare. Needs test/engines/podman/up;
 * some 3 minutes.
 */
import { openBarePodman, podmanSocket } from './lib/bare-podman.mjs';
import { benchEngine } from './lib/engine.mjs';

const image = 'localhost/openshell-test:1';
const socketPath = podmanSocket('rootless');

await benchEngine({
  name: 'podman-rootless',
  flavor: 'podman',
  table: `engine_socket = "${socketPath}"`,
  image,
  base: 'bare libpod calls',
  open: (side) => openBarePodman({ ...side, image, socketPath }),
});
