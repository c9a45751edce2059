import type { ComputeDriver, DriverCapabilities, DriverEvent } from '../../compute/driver.js';
import { failedPrecondition, OpenShellError, unavailable } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { createBackoff } from '../../kit/backoff.js';
import { deadline, delay } from '../../kit/deadline.js';

/** A driver's events; `opened` comes before the first of each watch. */
type WatchEvent = DriverEvent | { readonly type: 'opened' };

/** The state of a driver in this gateway. */
export type DriverState = 'absent' | 'unavailable' | 'ready' | 'failed';

interface ManagedDriverOptions {
  readonly name: string;
  readonly external: boolean;
  readonly engineVersion: string;
  /** Loads the driver's code and creates the driver. Called again after a failure. */
  readonly create: () => Promise<ComputeDriver>;
  readonly log: Logger;
}

/** A selected driver: created when first needed, watched, and either ready or failed. */
export interface ManagedDriver {
  readonly name: string;
  readonly external: boolean;
  readonly state: 'ready' | 'failed';
  /** Why it failed; empty when ready. */
  readonly reason: string;
  readonly engineVersion: string;
  driver(): Promise<ComputeDriver>;
  capabilities(signal: AbortSignal): Promise<DriverCapabilities>;
  /** Watches until the signal aborts, and reopens the watch when it breaks. `handle` is awaited. */
  watch(
    handle: (driver: ComputeDriver, event: WatchEvent) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  close(): Promise<void>;
}

/** The driver of a sandbox. FAILED_PRECONDITION `DriverNotRunning` when this gateway does not run it. */
export function driverOf(
  drivers: ReadonlyMap<string, ManagedDriver>,
  { name, driver }: { readonly name: string; readonly driver: string },
): ManagedDriver {
  const found = drivers.get(driver);
  if (found !== undefined) {
    return found;
  }
  throw failedPrecondition(`sandbox '${name}' belongs to driver '${driver}', which is not running here`, {
    reason: 'DriverNotRunning',
    hint: `start the gateway with --drivers ${driver}`,
  });
}

const REOPEN_FIRST_MS = 200;
const REOPEN_MOST_MS = 5_000;
const CAPABILITIES_TIMEOUT_MS = 10_000;

export function createManagedDriver(options: ManagedDriverOptions): ManagedDriver {
  const { name, log } = options;
  let created: Promise<ComputeDriver> | undefined;
  let capabilities: DriverCapabilities | undefined;
  let failure = '';

  function fail(error: unknown): void {
    const reason = OpenShellError.from(error).text;
    if (failure === '') {
      log.warn(`driver '${name}' failed: ${reason}`, { driver: name, error });
    }
    failure = reason;
  }

  function recover(): void {
    if (failure !== '') {
      log.info(`driver '${name}' is ready again`, { driver: name });
    }
    failure = '';
  }

  function driver(): Promise<ComputeDriver> {
    created ??= options.create().catch((error) => {
      created = undefined;
      fail(error);
      const { message, reason = 'DriverFailed', hint } = OpenShellError.from(error);
      throw unavailable(`driver '${name}' could not be started: ${message}`, { reason, hint, cause: error });
    });
    return created;
  }

  return {
    name,
    external: options.external,
    get state() {
      return failure === '' ? 'ready' : 'failed';
    },
    get reason() {
      return failure;
    },
    get engineVersion() {
      return capabilities?.driverVersion || options.engineVersion;
    },
    driver,
    async capabilities(signal) {
      capabilities ??= await (await driver()).capabilities({
        signal: deadline(CAPABILITIES_TIMEOUT_MS, signal),
      });
      return capabilities;
    },
    async watch(handle, signal) {
      const backoff = createBackoff(REOPEN_FIRST_MS, REOPEN_MOST_MS);
      while (!signal.aborted) {
        try {
          const current = await driver();
          await handle(current, { type: 'opened' });
          for await (const event of current.watch({ signal })) {
            if (event.type === 'synced') {
              recover();
              backoff.reset();
            }
            await handle(current, event);
          }
        } catch (error) {
          if (signal.aborted) {
            return;
          }
          fail(error);
        }
        await delay(backoff.next(), signal).catch(() => {});
      }
    },
    async close() {
      await created
        ?.then((current) => current.close())
        .catch((error) => log.debug('closing a driver', { error }));
    },
  };
}
