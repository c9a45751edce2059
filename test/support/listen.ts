import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** Has the server listen on a free port of this machine; gives the port. */
export async function listen(server: Server, address = '127.0.0.1'): Promise<number> {
  server.listen(0, address);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
