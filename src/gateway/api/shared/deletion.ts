import { Code, OpenShellError } from '../../../compute/errors.js';

/** Runs a deletion; returns `absent` when there is no such object and the request allows that. */
export async function deletion<T>(allowMissing: boolean, absent: T, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (allowMissing && error instanceof OpenShellError && error.code === Code.NOT_FOUND) {
      return absent;
    }
    throw error;
  }
}
