import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Whether the text is an IP address that only this machine can reach. An IPv4-mapped IPv6 address counts as
 * the IPv4 one (`::ffff:127.0.0.1`), and a zone is ignored (`::1%lo`). False for everything else, including names such
 * as `localhost`, whose address depends on the resolver.
 */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  const [withoutZone = address] = address.split('%');
  return family !== 0 && loopback.check(withoutZone, family === 6 ? 'ipv6' : 'ipv4');
}
