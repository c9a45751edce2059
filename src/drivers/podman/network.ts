import { failedPrecondition } from '../../compute/errors.js';
import type { ContainerSpec } from './api/types.js';
import type { PodmanHost } from './host.js';
import type { PodmanSettings } from './settings.js';

/**
 * A sandbox reaches the world and no other sandbox: rootless by a helper process of its own, rootful by a bridge that it
 * has for itself. `own` is the network that must be made for it.
 */
export function networkSpec(
  configured: string,
  host: PodmanHost,
  ownName: string,
): { readonly spec: Pick<ContainerSpec, 'netns' | 'networks'>; readonly own: string | undefined } {
  if (configured === 'none') {
    return { spec: { netns: { nsmode: 'none' } }, own: undefined };
  }
  if (configured !== '') {
    return { spec: bridge(configured), own: undefined };
  }
  if (host.network === 'bridge') {
    return { spec: bridge(ownName), own: ownName };
  }
  if (host.network !== undefined) {
    return { spec: { netns: { nsmode: host.network } }, own: undefined };
  }
  throw failedPrecondition('rootless Podman has no helper to connect a sandbox with', {
    reason: 'NetworkHelperMissing',
    hint: 'install passt (pasta) or slirp4netns, or set network_name = "none" in [openshell.drivers.podman]',
  });
}

/** Whether each sandbox has a bridge for itself, made by the driver. */
export function ownBridges(host: PodmanHost, settings: PodmanSettings): boolean {
  return host.network === 'bridge' && settings.network_name === '';
}

/** What a sandbox reaches of this host where the driver sets no rules against it; undefined where it does, or where it reaches nothing. */
export function hostReach(host: PodmanHost, settings: PodmanSettings): string | undefined {
  if (settings.host_access || settings.network_name === 'none' || ownBridges(host, settings)) {
    return undefined;
  }
  const what =
    "sandboxes can reach this host's own addresses, but for loopback, and the metadata service of its cloud";
  const accept = 'set host_access = true to say that it may be so';
  if (settings.network_name !== '') {
    return `${what}: no rules are set for the network '${settings.network_name}', which others may use; filter it yourself, or ${accept}`;
  }
  return (
    `${what}: a rootless engine sets no rules; as root run for the user of the engine, whose own programs it hits as well: ` +
    `iptables -A OUTPUT -m owner --uid-owner USER -d 169.254.0.0/16 -j REJECT; or ${accept}`
  );
}

function bridge(name: string) {
  return { netns: { nsmode: 'bridge' }, networks: { [name]: {} } };
}
