import { OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import type { WorkspaceRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';
import type { ManagedDriver } from '../drivers/managed.js';
import type { DriverCalls } from './driver-calls.js';

/** Removes what drivers created for a workspace that is `terminating`, then its row. */
export interface WorkspaceRemoval {
  /** Whether a driver may have created something for workspaces; one that fails to start may have. */
  needed(): Promise<boolean>;
  /** Retries in the background until it is done. Idempotent. */
  begin(name: string): void;
  /** Continues removals that an earlier gateway began. */
  resume(): Promise<void>;
  /** Resolves when no removal is running. */
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
  const removals = new Map<string, Promise<void>>();

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
        log.info(`workspace '${name}' is deleted`, { workspace: name });
        return;
      } catch (error) {
        closing.throwIfAborted();
        const waitMs = backoff.next();
        log.warn(
          `deleting workspace '${name}' failed, retrying in ${waitMs} ms: ${OpenShellError.from(error).text}`,
          { workspace: name, error },
        );
        await delay(waitMs, closing);
      }
    }
  }

  function begin(name: string): void {
    if (removals.has(name) || closing.aborted) {
      return;
    }
    const removal = remove(name)
      // Only `closing` interrupts it; the next start continues it.
      .catch(() => {})
      .finally(() => removals.delete(name));
    removals.set(name, removal);
  }

  return {
    async needed() {
      const results = await Promise.allSettled([...drivers.values()].map((managed) => managed.driver()));
      return results.some((one) => one.status === 'rejected' || one.value.deleteWorkspace !== undefined);
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
      await Promise.all(removals.values());
    },
  };
}
