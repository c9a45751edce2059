import { observedState } from '../../compute/conditions.js';
import { deadline } from '../../compute/deadline.js';
import { type ComputeDriver, type DriverEvent, EXEC_LEFT_BEHIND } from '../../compute/driver.js';
import { OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { ObservedSandbox, SandboxRef } from '../../compute/sandbox.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';
import type { ManagedDriver } from '../drivers/managed.js';
import type { Departures } from './departures.js';
import { DRIVER_DEADLINE_MS } from './driver-calls.js';
import type { Hub } from './hub.js';
import { inTurns, rowsOf } from './in-turns.js';
import { resourceMissing } from './operations.js';
import type { Records } from './records.js';
import type { RestartTimers } from './restart-timers.js';
import { observe, toStarting } from './transition.js';
import { ignoreNotFound, type Work } from './work.js';

export interface ReconcilerOptions {
  readonly store: Store;
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly records: Records;
  readonly work: Work;
  readonly hub: Hub;
  readonly departures: Departures;
  readonly restarts: RestartTimers;
  readonly log: Logger;
  readonly now: () => number;
  readonly everyMs: number;
  readonly observeReconcile: ((driver: string, outcome: 'success' | 'failure') => void) | undefined;
  readonly observeLeftBehind: ((driver: string) => void) | undefined;
  readonly closing: AbortSignal;
}

/** A resource with our gateway id that no row and no tombstone explains. */
export interface Stray {
  readonly driver: string;
  readonly sandbox: ObservedSandbox;
}

/** Brings what the engines show into the store, and finds what one of the two lacks. */
export interface Reconciler {
  /** Follows a driver until `closing` aborts. */
  watch(driver: ManagedDriver): Promise<void>;
  strays(): readonly Stray[];
  close(): void;
}

const TOMBSTONE_KEPT_MS = 7 * 24 * 60 * 60_000;

const isIdle = (record: SandboxRecord): boolean => record.spec.command.length === 0;

export const createReconciler = (options: ReconcilerOptions): Reconciler => {
  const { store, drivers, records, work, hub, departures, restarts, log, now, closing } = options;
  const strays = new Map<string, Stray>();

  const restartIdle = async (record: SandboxRecord): Promise<void> => {
    const starting = await records.change(record.id, (current) =>
      current.intent === 'run' && current.resourceVersion === record.resourceVersion
        ? [toStarting(now())]
        : [],
    );
    work.resume(starting);
  };

  const isIdleAndDown = (record: SandboxRecord, shown: ObservedSandbox): boolean =>
    isIdle(record) &&
    record.intent === 'run' &&
    (record.phase === 'running' || record.phase === 'exited' || record.phase === 'stopped') &&
    ['exited', 'stopped'].includes(observedState(shown.status).kind);

  /**
   * One sandbox of a driver's whole picture. With `restart` it is the watch's own, after which nothing earlier can still
   * arrive; any other has aged meanwhile, so that what looks like news is asked for again.
   */
  const takeOver = async (driver: ComputeDriver, shown: ObservedSandbox, restart: boolean): Promise<void> => {
    const record = await store.getSandbox(shown.id);
    if (record === undefined) return handleUnknown(driver, shown);
    strays.delete(shown.id);
    if (restart && !work.busy(shown.id) && isIdleAndDown(record, shown)) return restartIdle(record);
    if (observe(record, shown, now()).length === 0) return;
    const newest = restart ? shown : await look(driver, shown);
    if (newest !== undefined) await take(newest);
  };

  const look = (driver: ComputeDriver, ref: SandboxRef): Promise<ObservedSandbox | undefined> =>
    driver.get(ref, { signal: deadline(DRIVER_DEADLINE_MS.query, closing) });

  const take = async (shown: ObservedSandbox): Promise<void> => {
    await records.change(shown.id, (record) => observe(record, shown, now())).catch(ignoreNotFound);
  };

  const handleUnknown = async (driver: ComputeDriver, shown: ObservedSandbox): Promise<void> => {
    if ((await store.getTombstone(shown.id)) !== undefined) {
      await driver.delete(shown, { signal: deadline(DRIVER_DEADLINE_MS.delete, closing) });
      return;
    }
    if (strays.has(shown.id)) return;
    strays.set(shown.id, { driver: driver.name, sandbox: shown });
    log.warn(`'${shown.status.resourceName}' has this gateway's id and no row in its store: left alone`, {
      driver: driver.name,
      stray_sandbox_id: shown.id,
    });
  };

  /** Rows whose resource the picture lacks, and operations that nobody carries out. */
  const checkRows = async (driver: ComputeDriver, seen: ReadonlySet<string>): Promise<void> => {
    for await (const record of rowsOf(store, driver.name)) {
      if (work.busy(record.id)) continue;
      restarts.see(record);
      if (work.isUnfinished(record)) {
        work.resume(record);
      } else if (record.phase !== 'failed' && !seen.has(record.id)) {
        await checkMissing(driver, record);
      }
    }
    for (const [id, stray] of strays) if (stray.driver === driver.name && !seen.has(id)) strays.delete(id);
  };

  const checkMissing = async (driver: ComputeDriver, record: SandboxRecord): Promise<void> => {
    if ((await look(driver, record)) !== undefined) return;
    await records
      .change(record.id, (current) => (current.phase === record.phase ? [resourceMissing(now())] : []))
      .catch(ignoreNotFound);
  };

  const reconcile = async (
    driver: ComputeDriver,
    shown: readonly ObservedSandbox[],
    restart: boolean,
  ): Promise<void> => {
    try {
      for await (const sandbox of inTurns(shown)) await takeOver(driver, sandbox, restart);
      await checkRows(driver, new Set(shown.map((sandbox) => sandbox.id)));
      await store.pruneTombstones(now() - TOMBSTONE_KEPT_MS);
      options.observeReconcile?.(driver.name, 'success');
    } catch (error) {
      if (closing.aborted) return;
      options.observeReconcile?.(driver.name, 'failure');
      log.warn(`reconcile failed: ${OpenShellError.from(error).text}`, { driver: driver.name, error });
    }
  };

  const watch = (driver: ManagedDriver): Promise<void> => {
    let snapshot: ObservedSandbox[] | undefined;
    return driver.watch(async (current, event) => {
      if (event.type === 'opened') snapshot = [];
      else if (event.type === 'synced') {
        const shown = snapshot ?? [];
        snapshot = undefined;
        await reconcile(current, shown, true);
      } else if (snapshot !== undefined && event.type === 'sandbox') snapshot.push(event.sandbox);
      else await handleLive(current, event);
    }, closing);
  };

  const handleLive = async (
    driver: ComputeDriver,
    event: Exclude<DriverEvent, { type: 'synced' }>,
  ): Promise<void> => {
    switch (event.type) {
      case 'sandbox':
        return take(event.sandbox);
      case 'platform':
        if (event.event.reason === EXEC_LEFT_BEHIND) options.observeLeftBehind?.(driver.name);
        return hub.publish(event.id, { type: 'event', event: event.event });
      case 'deleted': {
        departures.tell(event.id);
        const record = await store.getSandbox(event.id);
        strays.delete(event.id);
        if (record === undefined || work.busy(event.id)) return;
        if (record.intent === 'delete') return records.remove(event.id);
        if (record.phase !== 'failed') return checkMissing(driver, record);
      }
    }
  };

  const reconcileLoop = setInterval(() => {
    for (const driver of drivers.values()) {
      if (driver.state !== 'ready') continue;
      const listed = driver.driver().then(async (current) => {
        const shown = await current.list({ signal: deadline(DRIVER_DEADLINE_MS.query, closing) });
        await reconcile(current, shown, false);
      });
      listed.catch((error) => log.debug('reconcile', { driver: driver.name, error }));
    }
  }, options.everyMs);
  reconcileLoop.unref();

  return {
    watch,
    strays: () => [...strays.values()],
    close: () => clearInterval(reconcileLoop),
  };
};
