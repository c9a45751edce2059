import type { Stats } from 'node:fs';
import { lstat, mkdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { failedPrecondition, unavailable } from '../compute/errors.js';

const FOLDER_MODE = 0o700;
const SOCKET_MODE = 0o600;
const OTHERS = 0o077;
/** `checkSocket`'s reason when the driver may still be starting. */
export const SOCKET_MISSING = 'DriverSocketMissing';

function fault(path: string, what: string, hint: string) {
  return failedPrecondition(`the driver socket '${path}' ${what}`, { reason: 'DriverSocketUnsafe', hint });
}

/**
 * Creates the socket's folder (0700) and removes a stale socket of ours. FAILED_PRECONDITION when a server still
 * responds there, the path is anything else, or others may enter the folder.
 */
export async function prepareSocket(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE }).catch((cause) => {
    const { code } = cause as NodeJS.ErrnoException;
    throw fault(
      path,
      `cannot have a folder: ${code}`,
      'choose a path in a folder that this user may write to',
    );
  });
  await checkFolder(path);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) {
    return;
  }
  if (!found.isSocket()) {
    throw fault(path, 'exists and is not a socket', 'choose another path');
  }
  if (found.uid !== process.getuid?.()) {
    throw fault(path, 'belongs to another user', 'choose another path');
  }
  if (await answers(path)) {
    throw fault(path, 'is served by another process', 'end that process, or choose another path');
  }
  await unlink(path);
}

/** For clients: only this user or root can have created the socket or listen on it. UNAVAILABLE: no socket. */
export async function checkSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) {
    throw unavailable(`the driver socket '${path}' does not exist`, { reason: SOCKET_MISSING });
  }
  if (!found.isSocket()) {
    throw fault(path, 'is not a socket', 'correct the path');
  }
  await checkFolder(path);
  checkOwned(found, path, 'it', `make it ${SOCKET_MODE.toString(8)}`);
}

async function checkFolder(path: string): Promise<void> {
  const folder = dirname(path);
  const hint = `give the socket a folder of its own with mode ${FOLDER_MODE.toString(8)}`;
  checkOwned(await lstat(folder), path, `its folder '${folder}'`, hint);
}

function checkOwned(found: Stats, path: string, what: string, hint: string): void {
  const uid = process.getuid?.();
  if (found.uid !== uid && found.uid !== 0) {
    throw fault(path, `is not safe: ${what} belongs to user ${found.uid}`, `it must belong to user ${uid}`);
  }
  if ((found.mode & OTHERS) !== 0) {
    throw fault(path, `is not safe: ${what} has mode ${(found.mode & 0o777).toString(8)}`, hint);
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
