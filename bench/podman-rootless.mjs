/** The gateway on a real rootless Podman. Needs test/engines/podman/up; some 3 minutes. */
import { benchPodman } from './lib/podman-engine.mjs';

await benchPodman('podman-rootless', 'rootless');
