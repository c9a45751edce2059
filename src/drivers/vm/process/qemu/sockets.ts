import { once } from 'node:events';
import { chmod, chown, lstat, rename, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { failedPrecondition, unavailable } from '../../../../compute/errors.js';
import { withShortPaths } from '../files.js';
import { VM_FILES } from './arguments.js';

/** QEMU, running as another user, can open files in its folder by name, but neither list nor change the folder. */
const FOLDER_MODE = 0o711;

/** Makes the folder ours, also one that an earlier version gave to QEMU's user: QEMU cannot replace a name in it. */
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

/** Refuses anything that is not a socket, once nothing else can replace it any more. */
export async function checkSockets(directory: string): Promise<void> {
  await ownFolder(directory);
  for (const name of [VM_FILES.control, VM_FILES.agent]) {
    const found = await lstat(join(directory, name)).catch(() => undefined);
    if (found === undefined) {
      throw unavailable(`QEMU has no socket ${name}`);
    }
    if (!found.isSocket()) {
      throw failedPrecondition(`${name} of a virtual machine is not a socket`, { reason: 'SocketReplaced' });
    }
  }
}

export interface ListeningSockets {
  /** Inherited by QEMU, which accepts connections on them. */
  readonly control: number;
  readonly agent: number;
  /** Closes our copies. */
  close(): void;
}

/** Sockets that listen before QEMU starts: QEMU needs no right to create names, and only we can connect. */
export async function listenForQemu(directory: string): Promise<ListeningSockets> {
  await ownFolder(directory);
  const servers: Server[] = [];
  async function listen(path: string): Promise<number> {
    const server = createServer();
    servers.push(server);
    await rm(path, { recursive: true, force: true });
    await rm(`${path}.new`, { recursive: true, force: true });
    server.listen(`${path}.new`);
    await once(server, 'listening');
    // Closing a server removes the name that it created, but not this one.
    await rename(`${path}.new`, path);
    return descriptorOf(server);
  }

  function close() {
    for (const server of servers) {
      server.close();
    }
  }

  try {
    return await withShortPaths(directory, async (at) => ({
      control: await listen(at(VM_FILES.control)),
      agent: await listen(at(VM_FILES.agent)),
      close,
    }));
  } catch (error) {
    close();
    throw error;
  }
}

function descriptorOf(server: Server): number {
  const fd = (server as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) {
    throw unavailable('this Node.js does not expose the descriptor of a socket');
  }
  return fd;
}
