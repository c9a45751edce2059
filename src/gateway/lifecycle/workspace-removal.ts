import { OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import type { WorkspaceRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';
import type { ManagedDriver } from '../drivers/managed.js';
import type { DriverCalls } from './driver-calls.js';

/** Takes away what drivers made for a workspace that the store calls `terminating`, then its row. */
export interface WorkspaceRemoval {
  /** Whether a driver may have made something for workspaces; one that cannot be asked may have. */
  needed(): Promise<boolean>;
  /** Goes on by itself, and tries until it is done. Twice is once. */
  begin(name: string): void;
  /** Takes up what an earlier gateway began. */
  resume(): Promise<void>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 30_000;
const PAGE = { limit: 100, bytes: 512 * 1024 };

export function createWorkspaceRemoval(options: {
  store: Store;
  drivers: ReadonlyMap<string, ManagedDriver>;
  log: Logger;
  calls: DriverCalls;
  closing: AbortSignal;
}): WorkspaceRemoval {
  const { store, drivers, log, calls, closing } = options;
  const underWay = new Map<string, Promise<void>>();

  async function removeFromDrivers(name: string): Promise<void> {
    for (const managed of drivers.values()) {
      const driver = await managed.driver();
      if (driver.deleteWorkspace === undefined) {
        continue;
      }
      await calls.run(driver.name, 'delete_workspace', closing, async (options) =>
        driver.deleteWorkspace?.(name, options),
      );
    }
  }

  async function remove(name: string): Promise<void> {
    const backoff = createBackoff(RETRY_FIRST_MS, RETRY_MOST_MS);
    for (;;) {
      try {
        await removeFromDrivers(name);
        await store.removeWorkspace(name);
        log.info(`workspace '${name}' is gone`, { workspace: name });
        return;
      } catch (error) {
        closing.throwIfAborted();
        const waitMs = backoff.next();
        log.warn(
          `workspace '${name}' is not gone yet, tried again in ${waitMs} ms: ${OpenShellError.from(error).text}`,
          { workspace: name, error },
        );
        await delay(waitMs, closing);
      }
    }
  }

  function begin(name: string): void {
    if (underWay.has(name) || closing.aborted) {
      return;
    }
    const work = remove(name)
      // Only `closing` ends it before its time: the next start takes it up.
      .catch(() => {})
      .finally(() => underWay.delete(name));
    underWay.set(name, work);
  }

  return {
    async needed() {
      const made = await Promise.allSettled([...drivers.values()].map((managed) => managed.driver()));
      return made.some((one) => one.status === 'rejected' || one.value.deleteWorkspace !== undefined);
    },
    begin,
    async resume() {
      for (let after: WorkspaceRecord | undefined; ; ) {
        const rows = await store.listWorkspaces({ page: { ...PAGE, offset: 0, after } });
        for (const { name, phase } of rows) {
          if (phase === 'terminating') {
            begin(name);
          }
        }
        after = rows.at(-1);
        if (after === undefined) {
          return;
        }
      }
    },
    async idle() {
      await Promise.all(underWay.values());
    },
  };
}
