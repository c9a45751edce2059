import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Whether the text is an IP address that only this machine can reach. An IPv4 address inside an IPv6 one counts as
 * itself (`::ffff:127.0.0.1`), a zone does not count (`::1%lo`). False for everything else: also for a name such as
 * `localhost`, which means whatever it is resolved to by whoever binds or connects.
 */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  const [withoutZone = address] = address.split('%');
  return family !== 0 && loopback.check(withoutZone, family === 6 ? 'ipv6' : 'ipv4');
}
