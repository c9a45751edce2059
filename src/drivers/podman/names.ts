import { createHash } from 'node:crypto';
import type { SandboxRef } from '../../compute/sandbox.js';
import { OWN_PREFIX, plainName } from '../container/names.js';

/** The volume of the sandbox's workspace path. */
export function volumeName(gatewayId: string, id: string): string {
  return `${key(gatewayId, id)}-workspace`;
}

/** The network that holds this sandbox alone. */
export function networkName(gatewayId: string, id: string): string {
  return `${key(gatewayId, id)}-net`;
}

/** Prefixes of the sandboxes' bridges on the host: rules match them to decide which may reach the host. */
const BRIDGE_PREFIX = { shut: 'osh-', open: 'osw-' } as const;

/** Matches all bridges of sandboxes that may not reach the host, in iptables' syntax. */
export const SHUT_BRIDGES = `${BRIDGE_PREFIX.shut}+`;

/** The bridge of a network; the kernel allows 15 characters. */
export function bridgeName(network: string, hostAccess: boolean): string {
  return `${BRIDGE_PREFIX[hostAccess ? 'open' : 'shut']}${digest(network).slice(0, 11)}`;
}

/** Secrets have no labels in Podman 4.3: only the name identifies the owner. At most 64 characters. */
export function secretPrefix(gatewayId: string, id: string): string {
  return `${key(gatewayId, id)}-secret-`;
}

/** At most 63 characters that a host may be called. */
export function hostName(ref: SandboxRef): string {
  return (
    plainName(ref.name)
      .replace(/[._]/g, '-')
      .slice(0, 63)
      .replace(/^-+|-+$/g, '') || 'sandbox'
  );
}

function key(gatewayId: string, id: string) {
  return `${OWN_PREFIX}${digest(`${gatewayId}/${id}`).slice(0, 32)}`;
}

function digest(text: string) {
  return createHash('sha256').update(text).digest('hex');
}
