import { createHash } from 'node:crypto';
import { Code, OpenShellError } from '../../../../compute/errors.js';
import type { GuestLink, GuestNetwork } from '../../guest-network.js';

/** The first free device. RESOURCE_EXHAUSTED when there is none. */
export function freeLink({ links }: GuestNetwork, taken: ReadonlySet<string>): GuestLink {
  const link = links.find(({ tap }) => !taken.has(tap));
  if (link !== undefined) {
    return link;
  }
  throw new OpenShellError(
    Code.RESOURCE_EXHAUSTED,
    `all ${links.length} tap devices of network_taps are in use`,
    { reason: 'NetworkUnavailable', hint: 'stop a sandbox, or add a device to network_taps' },
  );
}

/** The same address at every start of a sandbox; locally administered, unicast. */
export function macOf(id: string): string {
  const bytes = createHash('sha256').update(id).digest().subarray(0, 6);
  bytes[0] = ((bytes[0] as number) & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The SETUP records that configure the network card. */
export function networkRecords(
  { gateway, nameservers }: GuestNetwork,
  { address }: GuestLink,
): [string, string][] {
  const records: [string, string][] = [
    ['a', address],
    ['g', gateway],
  ];
  if (nameservers.length > 0) {
    records.push(['n', nameservers.map((one) => `nameserver ${one}\n`).join('')]);
  }
  return records;
}
