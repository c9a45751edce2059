import { observedState } from '../../compute/conditions.js';
import { type ComputeDriver, type DriverEvent, EXEC_LEFT_BEHIND } from '../../compute/driver.js';
import { OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { ObservedSandbox, SandboxRef } from '../../compute/sandbox.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Store } from '../../store/store.js';
import type { ManagedDriver } from '../drivers/managed.js';
import type { DeletionWaiters } from './deletion-waiters.js';
import type { DriverCalls } from './driver-calls.js';
import { refOf } from './driver-sandbox.js';
import { inTurns, rowsOf } from './in-turns.js';
import type { Records } from './records.js';
import type { RestartTimers } from './restart-timers.js';
import type { SandboxEvents } from './sandbox-events.js';
import { followFailed, hasLeftovers, observe, toMissing, toStarting } from './transition.js';
import type { TrustedClock } from './trusted-clock.js';
import { ignoreNotFound, type Work } from './work.js';

interface ReconcilerOptions {
  readonly store: Store;
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly records: Records;
  readonly work: Work;
  readonly calls: DriverCalls;
  readonly sandboxEvents: SandboxEvents;
  readonly deletionWaiters: DeletionWaiters;
  readonly restarts: RestartTimers;
  readonly log: Logger;
  readonly now: () => number;
  /** Decides when tombstones are pruned. */
  readonly trustedClock: TrustedClock;
  readonly everyMs: number;
  readonly observeReconcile: ((driver: string, outcome: 'success' | 'failure') => void) | undefined;
  readonly observeLeftBehind: ((driver: string) => void) | undefined;
  readonly closing: AbortSignal;
}

/** A resource with our gateway id that has neither a row nor a tombstone. */
export interface Stray {
  readonly driver: string;
  readonly sandbox: ObservedSandbox;
}

/** A stray in the form that /strays and `openshell-gateway strays` show. */
export function toStrayLine({ driver, sandbox }: Stray) {
  return {
    driver,
    resource: sandbox.status.resourceName,
    sandbox_id: sandbox.id,
    workspace: sandbox.workspace,
    name: sandbox.name,
  };
}

/** All sandboxes that a driver reports. */
interface Snapshot {
  readonly driver: ComputeDriver;
  readonly shown: readonly ObservedSandbox[];
  readonly isList: boolean;
  /** Whether stopped idle sandboxes are started again. */
  readonly restart: boolean;
  readonly signal: AbortSignal;
}

/**
 * Follows the engines. Each driver's watch starts with a snapshot, which is compared with the rows: rows take over what
 * the engine reports, rows without a resource fail, resources with a tombstone are deleted, other resources without a
 * row are reported as strays, and interrupted operations continue. Later events of the watch are taken over one by one.
 * A periodic list of each driver is compared in the same way, in case a watch missed something.
 */
interface Reconciler {
  /** Follows a driver until `closing` aborts. */
  watch(driver: ManagedDriver): Promise<void>;
  strays(): readonly Stray[];
  close(): void;
}

const TOMBSTONE_KEPT_MS = 7 * 24 * 60 * 60_000;

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const {
    store,
    drivers,
    records,
    work,
    calls,
    sandboxEvents,
    deletionWaiters,
    restarts,
    log,
    now,
    closing,
  } = options;
  const strays = new Map<string, Stray>();
  /** Ids of resources that are being deleted because they have a tombstone. */
  const collecting = new Set<string>();
  /** The running comparison of each driver. */
  const running = new Map<string, { readonly abort: AbortController; readonly ended: Promise<void> }>();

  async function restartIdle(record: SandboxRecord): Promise<void> {
    const starting = await records.change(record.id, (current) =>
      current.intent === 'run' && current.resourceVersion === record.resourceVersion
        ? [toStarting(now())]
        : [],
    );
    work.resume(starting);
  }

  function isIdleAndDown(record: SandboxRecord, shown: ObservedSandbox): boolean {
    return (
      record.spec.command.length === 0 &&
      record.intent === 'run' &&
      (record.phase === 'running' || record.phase === 'exited' || record.phase === 'stopped') &&
      ['exited', 'stopped'].includes(observedState(shown.status).kind)
    );
  }

  /** Takes over one sandbox of a snapshot. A list may be outdated by now, so a difference is confirmed with a query. */
  async function takeOver(snapshot: Snapshot, shown: ObservedSandbox): Promise<void> {
    const { driver, signal } = snapshot;
    const record = await store.getSandbox(shown.id);
    if (record === undefined) {
      return handleUnknown(driver, shown);
    }
    strays.delete(shown.id);
    // A running operation may still undo what it did; it checks the result itself.
    if (work.busy(shown.id)) {
      return;
    }
    if (record.phase === 'failed') {
      return takeOverFailed(snapshot, record, shown);
    }
    if (snapshot.restart && isIdleAndDown(record, shown)) {
      return restartIdle(record);
    }
    if (observe(record, shown, now()).length === 0) {
      return;
    }
    const newest = snapshot.isList ? await look(driver, shown, signal) : shown;
    if (newest !== undefined && !work.busy(shown.id)) {
      await take(newest);
    }
  }

  /** The resource of a failed row is followed again, or deleted. */
  async function takeOverFailed(
    { driver, signal }: Snapshot,
    record: SandboxRecord,
    shown: ObservedSandbox,
  ): Promise<void> {
    if (followFailed(record, shown, now()).length === 0) {
      return;
    }
    const newest = await look(driver, shown, signal);
    if (newest === undefined) {
      return;
    }
    if (followFailed(record, newest, now()) === 'clean') {
      return work.clean(record);
    }
    const follow = (current: SandboxRecord) => {
      const changes = followFailed(current, newest, now());
      return changes === 'clean' ? [] : changes;
    };
    await records.change(record.id, follow).catch(ignoreNotFound);
  }

  function look(
    driver: ComputeDriver,
    ref: SandboxRef,
    signal = closing,
  ): Promise<ObservedSandbox | undefined> {
    return calls.run(driver.name, 'get', signal, (options) => driver.get(refOf(ref), options));
  }

  async function take(shown: ObservedSandbox): Promise<void> {
    await records.change(shown.id, (record) => observe(record, shown, now())).catch(ignoreNotFound);
  }

  async function handleUnknown(driver: ComputeDriver, shown: ObservedSandbox): Promise<void> {
    if ((await store.getTombstone(shown.id)) !== undefined) {
      return collect(driver, shown);
    }
    if (strays.has(shown.id)) {
      return;
    }
    strays.set(shown.id, { driver: driver.name, sandbox: shown });
    log.warn(`'${shown.status.resourceName}' has this gateway's id but no row in its database: left alone`, {
      driver: driver.name,
      stray_sandbox_id: shown.id,
    });
  }

  /** Not awaited: a slow engine must not delay the watch. The next snapshot shows what is left. */
  function collect(driver: ComputeDriver, shown: ObservedSandbox): void {
    if (collecting.has(shown.id)) {
      return;
    }
    collecting.add(shown.id);
    const removed = calls.run(driver.name, 'delete', closing, (options) =>
      driver.delete(refOf(shown), options),
    );
    work.inBackground(
      shown.id,
      removed.finally(() => collecting.delete(shown.id)),
    );
  }

  /** Finds rows whose resource the snapshot lacks, and operations that were interrupted. */
  async function checkRows({ driver, signal }: Snapshot, seen: ReadonlySet<string>): Promise<void> {
    for await (const record of rowsOf(store, driver.name)) {
      signal.throwIfAborted();
      if (work.busy(record.id)) {
        continue;
      }
      restarts.update(record);
      if (work.isUnfinished(record)) {
        work.resume(record);
      } else if (record.phase === 'failed') {
        if (hasLeftovers(record)) {
          work.clean(record);
        }
      } else if (!seen.has(record.id)) {
        await checkMissing(driver, record, signal);
      }
    }
    for (const [id, stray] of strays) {
      if (stray.driver === driver.name && !seen.has(id)) {
        strays.delete(id);
      }
    }
  }

  async function checkMissing(driver: ComputeDriver, record: SandboxRecord, signal = closing): Promise<void> {
    if ((await look(driver, record, signal)) !== undefined) {
      return;
    }
    await records
      .change(record.id, (current) => (current.phase === record.phase ? [toMissing(now())] : []))
      .catch(ignoreNotFound);
  }

  async function compare(snapshot: Snapshot): Promise<void> {
    const { driver, shown, signal } = snapshot;
    for await (const sandbox of inTurns(shown)) {
      signal.throwIfAborted();
      await takeOver(snapshot, sandbox);
    }
    await checkRows(snapshot, new Set(shown.map((sandbox) => sandbox.id)));
    await store.pruneTombstones((await options.trustedClock.now()) - TOMBSTONE_KEPT_MS);
    options.observeReconcile?.(driver.name, 'success');
  }

  /** Compares one snapshot of a driver at a time, after `before`. */
  async function reconcile(
    name: string,
    read: (signal: AbortSignal) => Promise<Snapshot>,
    before: Promise<void> = Promise.resolve(),
  ): Promise<void> {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, closing]);
    async function run() {
      await before;
      try {
        await compare(await read(signal));
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        options.observeReconcile?.(name, 'failure');
        log.warn(`reconcile failed: ${OpenShellError.from(error).text}`, { driver: name, error });
      }
    }

    const own = { abort, ended: run() };
    running.set(name, own);
    await own.ended;
    if (running.get(name) === own) {
      running.delete(name);
    }
  }

  /** The snapshot of a watch is newer than a list, so it replaces a comparison that is still running. */
  async function reconcileByWatch(
    managed: ManagedDriver,
    driver: ComputeDriver,
    shown: readonly ObservedSandbox[],
  ): Promise<void> {
    const earlier = running.get(managed.name);
    earlier?.abort.abort();
    async function snapshot(signal: AbortSignal): Promise<Snapshot> {
      const restart = (await managed.capabilities(signal)).gatewayManagesLifecycle;
      return { driver, shown, isList: false, restart, signal };
    }

    await reconcile(managed.name, snapshot, earlier?.ended);
  }

  async function reconcileByList(managed: ManagedDriver): Promise<void> {
    if (managed.state !== 'ready' || running.has(managed.name)) {
      return;
    }
    await reconcile(managed.name, async (signal) => {
      const driver = await managed.driver();
      const shown = await calls.run(driver.name, 'list', signal, (options) => driver.list(options));
      return { driver, shown, isList: true, restart: false, signal };
    });
  }

  function watch(driver: ManagedDriver): Promise<void> {
    let snapshot: ObservedSandbox[] | undefined;
    return driver.watch(async (current, event) => {
      if (event.type === 'opened') {
        snapshot = [];
      } else if (event.type === 'synced') {
        const shown = snapshot ?? [];
        snapshot = undefined;
        await reconcileByWatch(driver, current, shown);
      } else if (snapshot !== undefined && event.type === 'sandbox') {
        snapshot.push(event.sandbox);
      } else {
        await handleLive(current, event);
      }
    }, closing);
  }

  async function handleLive(
    driver: ComputeDriver,
    event: Exclude<DriverEvent, { type: 'synced' }>,
  ): Promise<void> {
    switch (event.type) {
      case 'sandbox':
        return take(event.sandbox);
      case 'platform':
        if (event.event.reason === EXEC_LEFT_BEHIND) {
          options.observeLeftBehind?.(driver.name);
        }
        // Events of sandboxes without a row are dropped.
        if (!sandboxEvents.hasEvents(event.id) && (await store.getSandbox(event.id)) === undefined) {
          return;
        }
        return sandboxEvents.publish(event.id, { type: 'event', event: event.event });
      case 'deleted': {
        deletionWaiters.notify(event.id);
        const record = await store.getSandbox(event.id);
        strays.delete(event.id);
        if (record === undefined || work.busy(event.id)) {
          return;
        }
        if (record.intent === 'delete') {
          return records.remove(event.id);
        }
        if (record.phase !== 'failed') {
          return checkMissing(driver, record);
        }
      }
    }
  }

  const reconcileLoop = setInterval(() => {
    for (const driver of drivers.values()) {
      void reconcileByList(driver);
    }
  }, options.everyMs);
  reconcileLoop.unref();

  return {
    watch,
    strays: () => [...strays.values()],
    close: () => clearInterval(reconcileLoop),
  };
}
