import { Code, OpenShellError } from '../../compute/errors.js';

/** A create's place among those of its driver. */
export interface Admitted {
  /** The create is over, or will not be. Twice is once. */
  free(): void;
}

interface Admission {
  /** RESOURCE_EXHAUSTED when as many creates of the driver are under way or wait as may be. */
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
          `${count} creates of driver '${driver}' are under way or wait, and no more may`,
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
          if (isFree) {
            return;
          }
          isFree = true;
          pending.set(driver, (pending.get(driver) ?? 1) - 1);
        },
      };
    },
  };
}
