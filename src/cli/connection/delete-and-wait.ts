import { Code, OpenShellError } from '../../compute/errors.js';
import { deadline, delay } from '../../kit/deadline.js';
import { timeoutError } from '../failure.js';

const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 1000;

interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Deletion {
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

/** Deletes something and waits until it is gone. */
export async function deleteAndWait({ timeoutMs, ...deletion }: Deletion): Promise<void> {
  const signal = deadline(timeoutMs, deletion.signal);
  const options = { timeoutMs, signal };
  try {
    await deletion.remove(options);
    for (let pauseMs = FIRST_PAUSE_MS; await exists(deletion.get(options)); pauseMs *= 2) {
      await delay(Math.min(pauseMs, LAST_PAUSE_MS), signal);
    }
  } catch (error) {
    deletion.signal?.throwIfAborted();
    if (!signal.aborted) throw error;
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
    if (error instanceof OpenShellError && error.code === Code.NOT_FOUND) return false;
    throw error;
  }
}
