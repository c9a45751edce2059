import { observedState } from '../../compute/conditions.js';
import { deadline, delay } from '../../compute/deadline.js';
import type { ComputeDriver, DriverEvent } from '../../compute/driver.js';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import type { ManagedDriver } from '../drivers/managed.js';
import { createDepartures } from './departures.js';
import { type CallObserver, DRIVER_DEADLINE_MS } from './driver-calls.js';
import type { Hub } from './hub.js';
import { createLanes } from './lanes.js';
import { createLimit } from './limit.js';
import { createOperations, resourceMissing } from './operations.js';
import { createRecords } from './records.js';
import { isRestartPending } from './restart-policy.js';
import { createRestartTimers } from './restart-timers.js';
import { observe, toDeleting, toRestarting, toStarting, toStopped, toStopping } from './transition.js';

export interface ControllerOptions {
  readonly store: Store;
  /** By name. */
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly hub: Hub;
  readonly namespace: string;
  readonly log: Logger;
  readonly observeCall?: CallObserver;
  readonly observeReconcile?: (driver: string, outcome: 'success' | 'failure') => void;
  readonly now?: () => number;
  /** Default 60 s. */
  readonly reconcileEveryMs?: number;
}

/** A resource with our gateway id that no row and no tombstone explains. */
export interface Stray {
  readonly driver: string;
  readonly sandbox: ObservedSandbox;
}

/** Makes what is stored and what the engines run agree. */
export interface Controller {
  /** Begins to watch the drivers and to reconcile, unless the first operation has done so. */
  start(): void;
  /** The row must be stored. Resolves when the driver is done with it, well or not. */
  provision(id: string): Promise<void>;
  /** FAILED_PRECONDITION unless running, stopping, stopped or waiting for a restart. Resolves with the row once the driver is done. */
  stop(id: string): Promise<SandboxRecord>;
  /** FAILED_PRECONDITION unless stopped, exited, starting or running. As `stop`. */
  restart(id: string): Promise<SandboxRecord>;
  /** Stores the intent; the removal goes on by itself. */
  delete(id: string, remember?: Remember<SandboxRecord>): Promise<SandboxRecord>;
  strays(): readonly Stray[];
  /** Waits at most `graceMs` for what is under way, then cuts it off: the next start takes it up. */
  close(graceMs: number): Promise<void>;
}

const RECONCILE_EVERY_MS = 60_000;
const TOMBSTONE_KEPT_MS = 7 * 24 * 60 * 60_000;
/** Unfinished operations taken up side by side. */
const RESUMED_AT_ONCE = 16;

const isIdle = (record: SandboxRecord): boolean => record.spec.command.length === 0;

export const createController = (options: ControllerOptions): Controller => {
  const { store, drivers, hub, log } = options;
  const now = options.now ?? Date.now;
  const observeCall = options.observeCall ?? (() => {});
  const restarts = createRestartTimers({
    now,
    due: (record) => inBackground(record.id, restartByPolicy(record)),
  });
  const records = createRecords({ store, hub, log, now, onChange: restarts.see });
  const departures = createDepartures();
  const operations = createOperations({
    ...{ records, departures, log, observeCall, now },
    namespace: options.namespace,
  });
  const lanes = createLanes();
  const limit = createLimit(RESUMED_AT_ONCE);
  const closing = new AbortController();
  const running = new Map<string, AbortController>();
  const deleting = new Set<string>();
  const strays = new Map<string, Stray>();
  const loops: Promise<void>[] = [];

  type Operation = (driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) => Promise<void>;

  const begin = (): void => {
    if (loops.length > 0 || closing.signal.aborted) return;
    for (const driver of drivers.values()) loops.push(watch(driver));
  };

  const operate = (id: string, operation: Operation): Promise<void> => {
    begin();
    return lanes.run(id, async () => {
      const cut = new AbortController();
      running.set(id, cut);
      try {
        const record = await records.change(id, () => []);
        const driver = await managed(record).driver();
        await operation(driver, record, AbortSignal.any([cut.signal, closing.signal]));
      } finally {
        running.delete(id);
      }
    });
  };

  const managed = (record: SandboxRecord): ManagedDriver => {
    const found = drivers.get(record.driver);
    if (found !== undefined) return found;
    throw failedPrecondition(
      `sandbox '${record.name}' belongs to driver '${record.driver}', which is not running here`,
      {
        reason: 'DriverNotRunning',
        hint: `start the gateway with --drivers ${record.driver}`,
      },
    );
  };

  const provision: Operation = async (driver, record, signal) => {
    if (record.phase === 'provisioning') await operations.provision(driver, record, signal);
  };
  const stop: Operation = async (driver, record, signal) => {
    if (record.phase === 'stopping') await operations.stop(driver, record, signal);
  };
  const start: Operation = async (driver, record, signal) => {
    if (record.phase === 'starting') await operations.start(driver, record, signal);
  };
  const remove: Operation = (driver, record, signal) => operations.remove(driver, record, signal);

  const UNFINISHED: Partial<Record<SandboxRecord['phase'], Operation>> = {
    provisioning: provision,
    stopping: stop,
    starting: start,
    deleting: remove,
  };

  const inBackground = (id: string, work: Promise<unknown>): void => {
    work.catch((error) => {
      if (closing.signal.aborted || isNotFound(error)) return;
      log.warn(`an operation did not finish: ${OpenShellError.from(error).text}`, { sandbox_id: id, error });
    });
  };

  const resume = (record: SandboxRecord): void => {
    const operation = UNFINISHED[record.phase];
    if (operation === undefined || lanes.busy(record.id)) return;
    inBackground(
      record.id,
      limit(() => operate(record.id, operation)),
    );
  };

  const restartIdle = async (record: SandboxRecord): Promise<void> => {
    const starting = await records.change(record.id, (current) =>
      current.intent === 'run' && current.resourceVersion === record.resourceVersion
        ? [toStarting(now())]
        : [],
    );
    resume(starting);
  };

  const restartByPolicy = async (seen: SandboxRecord): Promise<void> => {
    const record = await records.change(seen.id, (current) =>
      isRestartPending(current) && current.restarts.nextAtMs === seen.restarts.nextAtMs
        ? [toRestarting(current, now())]
        : [],
    );
    if (record.phase === 'starting') await operate(record.id, start);
  };

  const isIdleAndDown = (record: SandboxRecord, shown: ObservedSandbox): boolean =>
    isIdle(record) &&
    record.intent === 'run' &&
    (record.phase === 'running' || record.phase === 'exited' || record.phase === 'stopped') &&
    ['exited', 'stopped'].includes(observedState(shown.status).kind);

  /** One sandbox of a driver's whole picture, after which nothing earlier can still arrive. */
  const takeOver = async (driver: ComputeDriver, shown: ObservedSandbox, restart: boolean): Promise<void> => {
    const record = await store.getSandbox(shown.id);
    if (record === undefined) return handleUnknown(driver, shown);
    strays.delete(shown.id);
    if (restart && !lanes.busy(shown.id) && isIdleAndDown(record, shown)) return restartIdle(record);
    await take(shown);
  };

  const take = async (shown: ObservedSandbox): Promise<void> => {
    await records.change(shown.id, (record) => observe(record, shown, now())).catch(ignoreNotFound);
  };

  const handleUnknown = async (driver: ComputeDriver, shown: ObservedSandbox): Promise<void> => {
    if ((await store.getTombstone(shown.id)) !== undefined) {
      await driver.delete(shown, { signal: deadline(DRIVER_DEADLINE_MS.delete, closing.signal) });
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
    for (const record of await store.listSandboxes({ driver: driver.name })) {
      if (lanes.busy(record.id)) continue;
      restarts.see(record);
      if (UNFINISHED[record.phase] !== undefined) {
        resume(record);
      } else if (record.phase !== 'failed' && !seen.has(record.id)) {
        await checkMissing(driver, record);
      }
    }
    for (const [id, stray] of strays) if (stray.driver === driver.name && !seen.has(id)) strays.delete(id);
  };

  const checkMissing = async (driver: ComputeDriver, record: SandboxRecord): Promise<void> => {
    if (
      (await driver.get(record, { signal: deadline(DRIVER_DEADLINE_MS.query, closing.signal) })) !== undefined
    )
      return;
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
      for (const sandbox of shown) await takeOver(driver, sandbox, restart);
      await checkRows(driver, new Set(shown.map((sandbox) => sandbox.id)));
      await store.pruneTombstones(now() - TOMBSTONE_KEPT_MS);
      options.observeReconcile?.(driver.name, 'success');
    } catch (error) {
      if (closing.signal.aborted) return;
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
    }, closing.signal);
  };

  const handleLive = async (
    driver: ComputeDriver,
    event: Exclude<DriverEvent, { type: 'synced' }>,
  ): Promise<void> => {
    switch (event.type) {
      case 'sandbox':
        return take(event.sandbox);
      case 'platform':
        return hub.publish(event.id, { type: 'event', event: event.event });
      case 'deleted': {
        departures.tell(event.id);
        const record = await store.getSandbox(event.id);
        strays.delete(event.id);
        if (record === undefined || lanes.busy(event.id)) return;
        if (record.intent === 'delete') return records.remove(event.id);
        if (record.phase !== 'failed') return checkMissing(driver, record);
      }
    }
  };

  const reconcileLoop = setInterval(() => {
    for (const driver of drivers.values()) {
      if (driver.state !== 'ready') continue;
      const listed = driver.driver().then(async (current) => {
        const shown = await current.list({ signal: deadline(DRIVER_DEADLINE_MS.query, closing.signal) });
        await reconcile(current, shown, false);
      });
      listed.catch((error) => log.debug('reconcile', { driver: driver.name, error }));
    }
  }, options.reconcileEveryMs ?? RECONCILE_EVERY_MS);
  reconcileLoop.unref();

  return {
    start: begin,
    provision: (id) => operate(id, provision),
    async stop(id) {
      const record = await records.change(id, (current) => {
        managed(current);
        if (current.phase === 'stopped' || current.phase === 'stopping') return [];
        if (isRestartPending(current)) return [toStopping(now()), toStopped(now())];
        if (current.phase !== 'running') throw wrongPhase(current, 'Ready', 'stop');
        return [toStopping(now())];
      });
      if (record.phase === 'stopping') await operate(id, stop);
      return records.change(id, () => []);
    },
    async restart(id) {
      const record = await records.change(id, (current) => {
        managed(current);
        if (current.phase === 'running' || current.phase === 'starting') return [];
        if (current.phase !== 'stopped' && current.phase !== 'exited')
          throw wrongPhase(current, 'Stopped', 'start');
        return [toStarting(now())];
      });
      if (record.phase === 'starting') await operate(id, start);
      return records.change(id, () => []);
    },
    async delete(id, remember) {
      const decide = (current: SandboxRecord) => {
        managed(current);
        return current.intent === 'delete' ? [] : [toDeleting(now())];
      };
      const record = await records.change(id, decide, remember);
      if (record.phase === 'deleting' && !deleting.has(id)) {
        deleting.add(id);
        running.get(id)?.abort();
        inBackground(
          id,
          operate(id, remove).finally(() => deleting.delete(id)),
        );
      }
      return record;
    },
    strays: () => [...strays.values()],
    async close(graceMs) {
      clearInterval(reconcileLoop);
      restarts.close();
      const grace = new AbortController();
      await Promise.race([lanes.idle(), delay(graceMs, grace.signal).catch(() => {})]);
      grace.abort();
      closing.abort();
      await Promise.all([lanes.idle(), ...loops]);
    },
  };
};

const isNotFound = (error: unknown): boolean =>
  error instanceof OpenShellError && error.code === Code.NOT_FOUND;

const ignoreNotFound = (error: unknown): void => {
  if (!isNotFound(error)) throw error;
};

const PHASE_WORD: Record<SandboxRecord['phase'], string> = {
  provisioning: 'Provisioning',
  running: 'Ready',
  stopping: 'Stopping',
  stopped: 'Stopped',
  starting: 'Starting',
  exited: 'Error',
  failed: 'Error',
  deleting: 'Deleting',
};

const wrongPhase = (record: SandboxRecord, needed: string, verb: string): OpenShellError =>
  failedPrecondition(`sandbox must be ${needed} to ${verb} (current phase: ${PHASE_WORD[record.phase]})`, {
    reason: 'WrongPhase',
  });
