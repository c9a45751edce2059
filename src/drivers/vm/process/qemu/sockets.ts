import { once } from 'node:events';
import { chmod, chown, lstat, open, rename, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { failedPrecondition, unavailable } from '../../../../compute/errors.js';
import { VM_FILES } from './arguments.js';

/** QEMU, as another user, opens files in its folder by name, and can neither list nor change it. */
const FOLDER_MODE = 0o711;

/**
 * The folder is ours and not QEMU's: a name in it leads where we made it lead. Also for one that an earlier version
 * gave to QEMU's user.
 */
async function ownFolder(directory: string): Promise<void> {
  const { uid, mode } = await lstat(directory);
  const mine = process.getuid?.() ?? uid;
  if (uid !== mine) {
    await chown(directory, mine, process.getgid?.() ?? 0);
  }
  if (mine === 0 && (mode & 0o777) !== FOLDER_MODE) {
    await chmod(directory, FOLDER_MODE);
  }
}

/** Refuses what only looks like a socket of ours, once nobody else can put something in its place. */
export async function checkSockets(directory: string): Promise<void> {
  await ownFolder(directory);
  for (const name of [VM_FILES.control, VM_FILES.agent]) {
    const found = await lstat(join(directory, name)).catch(() => undefined);
    if (found === undefined) {
      throw unavailable(`QEMU has no socket ${name}`);
    }
    if (!found.isSocket()) {
      throw failedPrecondition(`${name} of a virtual machine is no socket`, { reason: 'SocketReplaced' });
    }
  }
}

export interface ListeningSockets {
  /** To be inherited by QEMU, which accepts on them. */
  readonly control: number;
  readonly agent: number;
  /** Lets go of them: from then on they are QEMU's alone. */
  close(): void;
}

/** Sockets that listen before QEMU is there: it never needs to make a name, and nobody but us can connect. */
export async function listenForQemu(directory: string): Promise<ListeningSockets> {
  await ownFolder(directory);
  // Through the directory's descriptor: a socket's path may have 107 bytes, and a state directory more.
  const folder = await open(directory, 'r');
  const servers: Server[] = [];
  async function listen(name: string): Promise<number> {
    function at(file: string) {
      return `/proc/self/fd/${folder.fd}/${file}`;
    }

    const server = createServer();
    servers.push(server);
    await rm(at(name), { recursive: true, force: true });
    await rm(at(`${name}.new`), { recursive: true, force: true });
    server.listen(at(`${name}.new`));
    await once(server, 'listening');
    // A server removes the name that it made when it is closed; this one stays.
    await rename(at(`${name}.new`), at(name));
    return descriptorOf(server);
  }

  function close() {
    for (const server of servers) {
      server.close();
    }
  }

  try {
    return { control: await listen(VM_FILES.control), agent: await listen(VM_FILES.agent), close };
  } catch (error) {
    close();
    throw error;
  } finally {
    await folder.close();
  }
}

function descriptorOf(server: Server): number {
  const fd = (server as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) {
    throw unavailable('this Node.js does not tell the descriptor of a socket');
  }
  return fd;
}
