import { Code, OpenShellError } from '../../compute/errors.js';

/** A slot among the pending creates of a driver. */
export interface Admitted {
  /** Frees the slot, when the create ended or will not happen. Idempotent. */
  free(): void;
}

interface Admission {
  /** RESOURCE_EXHAUSTED when the driver has too many running and waiting creates. */
  admit(driver: string): Admitted;
}

const RETRY_AFTER_MS = 5_000;

export function createAdmission(most: number): Admission {
  const pending = new Map<string, number>();
  return {
    admit(driver) {
      const count = pending.get(driver) ?? 0;
      if (count >= most) {
        throw new OpenShellError(
          Code.RESOURCE_EXHAUSTED,
          `driver '${driver}' has ${count} running and waiting creates, the most that are allowed`,
          {
            reason: 'TooManyCreates',
            hint: 'try again later, or raise max_pending_creates under [openshell.gateway]',
            retryAfterMs: RETRY_AFTER_MS,
          },
        );
      }
      pending.set(driver, count + 1);
      let isFree = false;
      return {
        free() {
          if (!isFree) {
            isFree = true;
            pending.set(driver, (pending.get(driver) ?? 1) - 1);
          }
        },
      };
    },
  };
}
