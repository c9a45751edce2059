import type { OpenShellError } from '../../compute/errors.js';
import { withDeadline } from '../../kit/deadline.js';

/** The calls that a server is answering. */
interface InFlight {
  /** `cancel` stops the call's handler; `work` settles when it has stopped, and never rejects. */
  add(cancel: (reason: OpenShellError) => void, work: Promise<void>): void;
  cancelAll(reason: OpenShellError): void;
  /** Resolves when the handlers of all current calls have ended, or after `timeoutMs`. */
  ended(timeoutMs: number): Promise<void>;
}

export function createInFlight(): InFlight {
  const calls = new Map<Promise<void>, (reason: OpenShellError) => void>();
  return {
    add(cancel, work) {
      calls.set(work, cancel);
      void work.then(() => calls.delete(work));
    },
    cancelAll(reason) {
      for (const cancel of calls.values()) {
        cancel(reason);
      }
    },
    async ended(timeoutMs) {
      await within(Promise.all(calls.keys()), timeoutMs);
    },
  };
}

/** Whether `work`, which never rejects, is done in time. */
export async function within(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return withDeadline(timeoutMs, undefined, () => work).then(
    () => true,
    () => false,
  );
}
