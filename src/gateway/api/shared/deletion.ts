import { Code, OpenShellError } from '../../../compute/errors.js';

/** Deletes, or gives `absent` where the request allows that nothing of the name is there. */
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
