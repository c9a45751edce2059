import { lstat, mkdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { failedPrecondition } from '../compute/errors.js';

const FOLDER_MODE = 0o700;
const SOCKET_MODE = 0o600;
const OTHERS = 0o077;

const fault = (path: string, what: string, hint: string) =>
  failedPrecondition(`the driver socket '${path}' ${what}`, { reason: 'DriverSocketUnsafe', hint });

/**
 * Makes the socket's folder (0700) and removes the socket of a server of ours that is gone. FAILED_PRECONDITION when
 * a server still answers there, when something else stands there, or when others may enter the folder.
 */
export const prepareSocket = async (path: string): Promise<void> => {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  await checkOwned(folder, path, 'the folder');
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw fault(path, 'is taken by something that is no socket', 'choose another path');
  if (found.uid !== process.getuid?.()) throw fault(path, "is another user's", 'choose another path');
  if (await answers(path))
    throw fault(path, 'is served by another process', 'end it, or choose another path');
  await unlink(path);
};

/** Before a client connects: nobody but this user can have made the socket or listens to it. */
export const checkSocket = async (path: string): Promise<void> => {
  await checkOwned(dirname(path), path, 'the folder');
  await checkOwned(path, path, 'the socket');
};

const checkOwned = async (target: string, socket: string, what: string): Promise<void> => {
  const found = await lstat(target).catch(() => undefined);
  if (found === undefined) throw fault(socket, 'is not there', 'start the driver first');
  const uid = process.getuid?.();
  if (found.uid !== uid && found.uid !== 0)
    throw fault(socket, `is not safe: ${what} belongs to user ${found.uid}`, `it must belong to user ${uid}`);
  if ((found.mode & OTHERS) !== 0) {
    const mode = (found.mode & 0o777).toString(8);
    throw fault(
      socket,
      `is not safe: ${what} has mode ${mode}`,
      `make it ${(what === 'the folder' ? FOLDER_MODE : SOCKET_MODE).toString(8)}`,
    );
  }
};

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
