import { randomBytes, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failedPrecondition } from '../../compute/errors.js';
import { readFailure } from '../../kit/read-failure.js';

const KEY_BYTES = 32;
/** One line with a fixed length, so that an incomplete copy is noticed. */
const FORM = /^openshell-gateway-key-v1:([A-Za-z0-9_-]{43})\n?$/;
const MOST_BYTES = 256;

/**
 * The 32 bytes of a key file; undefined when there is none. FAILED_PRECONDITION `KeyUnreadable` for a file that cannot
 * be read, is not a key file, or can be accessed by all users of this machine.
 */
export async function readKeyFile(path: string): Promise<Buffer | undefined> {
  let file: FileHandle;
  try {
    // O_NONBLOCK: opening a named pipe would wait for its other end.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw unreadable(path, readFailure(error));
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) {
      throw unreadable(path, 'it is not a file');
    }
    if ((found.mode & 0o007) !== 0) {
      throw unreadable(path, 'all users of this machine can access it', `chmod 600 ${path}`);
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
    const encoded = FORM.exec(buffer.toString('latin1', 0, bytesRead))?.[1];
    if (encoded === undefined) {
      throw unreadable(path, 'it is not a gateway key, or is truncated');
    }
    return Buffer.from(encoded, 'base64url');
  } finally {
    await file.close();
  }
}

/** Creates the file with a new key, mode 0600. A file that exists by then is kept, and its key returned. */
export async function createKeyFile(path: string): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES);
  const written = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeDurably(written, `openshell-gateway-key-v1:${key.toString('base64url')}\n`);
    // A link, not a rename: it never replaces a file.
    await link(written, path);
    await syncFolder(dirname(path));
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      const existing = await readKeyFile(path);
      if (existing !== undefined) {
        return existing;
      }
    }
    throw failedPrecondition(`cannot write this gateway's key to ${path}: ${readFailure(error)}`, {
      reason: 'KeyUnwritable',
      hint: "make it writable for the gateway's user, or set openshell.gateway.secret_key_path",
      cause: error,
    });
  } finally {
    await rm(written, { force: true }).catch(() => {});
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function unreadable(path: string, why: string, hint?: string) {
  return failedPrecondition(`this gateway's key ${path} cannot be used: ${why}`, {
    reason: 'KeyUnreadable',
    hint: hint ?? 'restore the file that belongs to the database from a backup',
  });
}
