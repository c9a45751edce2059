import { Code, OpenShellError } from '../../compute/errors.js';
import { deadline, delay } from '../../kit/deadline.js';
import { timeoutError } from '../failure.js';

const ASK_AGAIN_MS = 250;

interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Deletion {
  /** For messages, as in `sandbox 'box'`. */
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
 * Deletes something and waits until it is gone. A gateway answers the deletion of a sandbox when it is gone, or after
 * 10 s; older ones, and the deletion of a workspace, answer before that: then it is asked for until it is not found.
 */
export async function deleteAndWait({ timeoutMs, ...deletion }: Deletion): Promise<void> {
  const signal = deadline(timeoutMs, deletion.signal);
  const options = { timeoutMs, signal };
  try {
    await deletion.remove(options);
    while (await exists(deletion.get(options))) {
      await delay(ASK_AGAIN_MS, signal);
    }
  } catch (error) {
    deletion.signal?.throwIfAborted();
    if (!signal.aborted) {
      throw error;
    }
    throw timeoutError(
      `${deletion.what} was not gone after ${timeoutMs / 1000} s`,
      `the gateway goes on deleting it: see ${deletion.see}`,
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
