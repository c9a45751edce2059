/**
 * The gateway on a real Docker engine against the same engine calls made bare with dockerode. Needs Docker and the image
 * of test/engines/docker/image; some 3 minutes.
 */
import { openBareDocker } from './lib/bare-docker.mjs';
import { benchEngine } from './lib/engine.mjs';

const image = 'openshell-test:1';

await benchEngine({
  name: 'docker',
  flavor: 'docker',
  table: '',
  image,
  base: 'bare dockerode',
  open: (side) => openBareDocker({ ...side, image }),
});
