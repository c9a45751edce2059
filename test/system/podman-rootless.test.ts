import { podmanSuite } from './podman-suite.js';

await podmanSuite('rootless');
