import { failedPrecondition } from '../../compute/errors.js';
import type { ContainerSpec } from './api/types.js';
import type { PodmanHost } from './host.js';

/**
 * A sandbox reaches the world and no other sandbox: rootless by a helper process of its own, rootful by a bridge that it
 * has for itself. `own` is the network that must be made for it.
 */
export const networkSpec = (
  configured: string,
  host: PodmanHost,
  ownName: string,
): { readonly spec: Pick<ContainerSpec, 'netns' | 'networks'>; readonly own: string | undefined } => {
  if (configured === 'none') return { spec: { netns: { nsmode: 'none' } }, own: undefined };
  if (configured !== '') return { spec: bridge(configured), own: undefined };
  if (host.network === 'bridge') return { spec: bridge(ownName), own: ownName };
  if (host.network !== undefined) return { spec: { netns: { nsmode: host.network } }, own: undefined };
  throw failedPrecondition('rootless Podman has no helper to connect a sandbox with', {
    reason: 'NetworkHelperMissing',
    hint: 'install passt (pasta) or slirp4netns, or set network_name = "none" in [openshell.drivers.podman]',
  });
};

const bridge = (name: string) => ({ netns: { nsmode: 'bridge' }, networks: { [name]: {} } });
