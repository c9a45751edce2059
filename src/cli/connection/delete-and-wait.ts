import { Code, OpenShellError } from '../../compute/errors.js';
import { deadline, delay } from '../../kit/deadline.js';
import { timeoutError } from '../failure.js';

const POLL_MS = 250;

interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Deletion {
  /** For messages, such as `sandbox 'box'`. */
  readonly what: string;
  /** The command that shows it. */
  readonly see: string;
  readonly remove: (options: CallOptions) => Promise<unknown>;
  /** Fails with NOT_FOUND when it is gone. */
  readonly get: (options: CallOptions) => Promise<unknown>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Deletes something and waits until it is gone. A gateway responds to the deletion of a sandbox when it is gone, or
 * after 10 s; older ones, and the deletion of a workspace, respond earlier: then this polls until it is not found.
 */
export async function deleteAndWait({ timeoutMs, ...deletion }: Deletion): Promise<void> {
  const signal = deadline(timeoutMs, deletion.signal);
  const options = { timeoutMs, signal };
  try {
    await deletion.remove(options);
    while (await exists(deletion.get(options))) {
      await delay(POLL_MS, signal);
    }
  } catch (error) {
    deletion.signal?.throwIfAborted();
    if (!signal.aborted) {
      throw error;
    }
    throw timeoutError(
      `${deletion.what} was not deleted after ${timeoutMs / 1000} s`,
      `the gateway continues to delete it: see ${deletion.see}`,
    );
  }
}

async function exists(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (error instanceof OpenShellError && error.code === Code.NOT_FOUND) {
      return false;
    }
    throw error;
  }
}
