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
import type { Hub } from './hub.js';
import { inTurns, rowsOf } from './in-turns.js';
import type { Records } from './records.js';
import type { RestartTimers } from './restart-timers.js';
import { followFailed, hasLeftovers, observe, toMissing, toStarting } from './transition.js';
import type { TrustedClock } from './trusted-clock.js';
import { ignoreNotFound, type Work } from './work.js';

interface ReconcilerOptions {
  readonly store: Store;
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly records: Records;
  readonly work: Work;
  readonly calls: DriverCalls;
  readonly hub: Hub;
  readonly deletionWaiters: DeletionWaiters;
  readonly restarts: RestartTimers;
  readonly log: Logger;
  readonly now: () => number;
  /** Says when a tombstone is old. */
  readonly trustedClock: TrustedClock;
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

/** All that a driver shows. */
interface Snapshot {
  readonly driver: ComputeDriver;
  readonly shown: readonly ObservedSandbox[];
  readonly isList: boolean;
  /** Whether idle sandboxes that stand stopped are started again. */
  readonly restart: boolean;
  readonly signal: AbortSignal;
}

/** Brings what the engines show into the store, and finds what one of the two lacks. */
interface Reconciler {
  /** Follows a driver until `closing` aborts. */
  watch(driver: ManagedDriver): Promise<void>;
  strays(): readonly Stray[];
  close(): void;
}

const TOMBSTONE_KEPT_MS = 7 * 24 * 60 * 60_000;

function isIdle(record: SandboxRecord): boolean {
  return record.spec.command.length === 0;
}

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { store, drivers, records, work, calls, hub, deletionWaiters, restarts, log, now, closing } = options;
  const strays = new Map<string, Stray>();
  /** What is being removed because a tombstone names it. */
  const collecting = new Set<string>();
  /** By driver: the reconcile that runs. */
  const underWay = new Map<string, { readonly cut: AbortController; readonly over: Promise<void> }>();

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
      isIdle(record) &&
      record.intent === 'run' &&
      (record.phase === 'running' || record.phase === 'exited' || record.phase === 'stopped') &&
      ['exited', 'stopped'].includes(observedState(shown.status).kind)
    );
  }

  /** One sandbox of a driver's whole snapshot. A list has aged until it is gone through: what looks like news is asked for again. */
  async function takeOver(snapshot: Snapshot, shown: ObservedSandbox): Promise<void> {
    const { driver, signal } = snapshot;
    const record = await store.getSandbox(shown.id);
    if (record === undefined) {
      return handleUnknown(driver, shown);
    }
    strays.delete(shown.id);
    // What an operation has made so far it may still undo; at its end it looks itself.
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

  /** A failed row is not the end of what its engine shows: that is taken over again, or removed. */
  async function takeOverFailed(
    { driver, signal }: Snapshot,
    record: SandboxRecord,
    shown: ObservedSandbox,
  ): Promise<void> {
    function wanted(sandbox: ObservedSandbox) {
      return followFailed(record, sandbox, now());
    }

    if (wanted(shown).length === 0) {
      return;
    }
    const newest = await look(driver, shown, signal);
    if (newest === undefined) {
      return;
    }
    if (wanted(newest) === 'clean') {
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
    log.warn(`'${shown.status.resourceName}' has this gateway's id and no row in its store: left alone`, {
      driver: driver.name,
      stray_sandbox_id: shown.id,
    });
  }

  /** Not waited for: an engine that takes its time must not hold a watch up. The next snapshot shows what is left. */
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

  /** Rows whose resource the snapshot lacks, and operations that nobody carries out. */
  async function checkRows({ driver, signal }: Snapshot, seen: ReadonlySet<string>): Promise<void> {
    for await (const record of rowsOf(store, driver.name)) {
      signal.throwIfAborted();
      if (work.busy(record.id)) {
        continue;
      }
      restarts.see(record);
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

  /** One of a driver at a time: a watch's own snapshot, which is newer, takes the place of a list that is gone through. */
  async function reconcile(
    name: string,
    look: (signal: AbortSignal) => Promise<Snapshot>,
    before: Promise<void> = Promise.resolve(),
  ): Promise<void> {
    const cut = new AbortController();
    const signal = AbortSignal.any([cut.signal, closing]);
    async function run() {
      await before;
      try {
        await compare(await look(signal));
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        options.observeReconcile?.(name, 'failure');
        log.warn(`reconcile failed: ${OpenShellError.from(error).text}`, { driver: name, error });
      }
    }

    const over = run();
    const own = { cut, over };
    underWay.set(name, own);
    await over;
    if (underWay.get(name) === own) {
      underWay.delete(name);
    }
  }

  /** A watch's own snapshot, after which nothing earlier can still arrive. */
  async function reconcileByWatch(
    managed: ManagedDriver,
    driver: ComputeDriver,
    shown: readonly ObservedSandbox[],
  ): Promise<void> {
    const earlier = underWay.get(managed.name);
    earlier?.cut.abort();
    async function snapshot(signal: AbortSignal): Promise<Snapshot> {
      const restart = (await managed.capabilities(signal)).gatewayManagesLifecycle;
      return { driver, shown, isList: false, restart, signal };
    }

    await reconcile(managed.name, snapshot, earlier?.over);
  }

  async function reconcileByList(managed: ManagedDriver): Promise<void> {
    if (managed.state !== 'ready' || underWay.has(managed.name)) {
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
        // Of a sandbox that is gone, or is none of ours, nothing is kept.
        if (!hub.hasEvents(event.id) && (await store.getSandbox(event.id)) === undefined) {
          return;
        }
        return hub.publish(event.id, { type: 'event', event: event.event });
      case 'deleted': {
        deletionWaiters.tell(event.id);
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
