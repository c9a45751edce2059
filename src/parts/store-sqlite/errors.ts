import { Code, OpenShellError, unavailable } from '../../compute/errors.js';

/** SQLite's primary result codes, the low byte of `errcode`. */
const BUSY = 5;
const READONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** SQLite's message for CORRUPT. */
const MALFORMED = 'database disk image is malformed';

function lockedError(path: string, cause?: unknown): OpenShellError {
  return unavailable(`the database ${path} is in use by another process`, {
    reason: 'StoreLocked',
    hint: 'stop the other gateway, or give this one a database file of its own',
    cause,
  });
}

export function corruptError(path: string, detail: string, cause?: unknown): OpenShellError {
  return unavailable(`the database ${path} is damaged or not a database: ${detail}`, {
    reason: 'StoreCorrupt',
    hint:
      `stop the gateway and put a backup in its place, or move it and ${path}-wal away to start with an empty one: ` +
      'sandboxes keep running on their engines and are then reported as strays',
    cause,
  });
}

export const FULL_REASON = 'StoreFull';

export function fullError(path: string, cause?: unknown): OpenShellError {
  return new OpenShellError(Code.RESOURCE_EXHAUSTED, `no space left to write the database ${path}`, {
    reason: FULL_REASON,
    hint: 'free space on its file system and try again; what was stored before is untouched',
    cause,
  });
}

function notWritableError(path: string, cause: Error): OpenShellError {
  return unavailable(`the database ${path} cannot be opened for writing: ${cause.message}`, {
    reason: 'StoreNotWritable',
    hint: 'check that the user of the gateway owns the file and its folder',
    cause,
  });
}

/** Whether SQLite reports a full disk. */
export function isFull(thrown: unknown): boolean {
  return thrown instanceof Error && ((thrown as { errcode?: number }).errcode ?? 0) % 256 === FULL;
}

/** An error of SQLite or the file system about the database at `path`, as one of ours. */
export function storeError(thrown: unknown, path: string): OpenShellError {
  if (thrown instanceof OpenShellError || !(thrown instanceof Error)) {
    return OpenShellError.from(thrown);
  }
  const { code, errcode } = thrown as Error & { code?: string; errcode?: number };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return fullError(path, thrown);
  }
  // @photostructure/sqlite sets no errcode when one of many rows cannot be read.
  const number = errcode ?? (thrown.message === MALFORMED ? CORRUPT : undefined);
  switch (number === undefined ? undefined : number & 0xff) {
    case BUSY:
      return lockedError(path, thrown);
    case FULL:
      return fullError(path, thrown);
    case CORRUPT:
    case NOTADB:
      return corruptError(path, thrown.message, thrown);
    case READONLY:
    case CANTOPEN:
      return notWritableError(path, thrown);
    case undefined:
      return code === undefined ? OpenShellError.from(thrown) : notWritableError(path, thrown);
    default:
      return unavailable(`the database ${path} cannot be used: ${thrown.message}`, { cause: thrown });
  }
}
