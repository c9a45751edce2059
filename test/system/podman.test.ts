import { podmanSecrets } from './podman-secrets.js';
import { podmanSuite } from './podman-suite.js';

await podmanSuite('rootful', podmanSecrets);
