import { delay } from '../../compute/deadline.js';
import { failedPrecondition, type OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import type { ManagedDriver } from '../drivers/managed.js';
import { createDepartures } from './departures.js';
import type { CallObserver } from './driver-calls.js';
import type { Hub } from './hub.js';
import { createOperations } from './operations.js';
import { createReconciler, type Stray } from './reconciler.js';
import { createRecords } from './records.js';
import { isRestartPending } from './restart-policy.js';
import { createRestartTimers } from './restart-timers.js';
import { toDeleting, toRestarting, toStarting, toStopped, toStopping } from './transition.js';
import { createWork, type Operation } from './work.js';
import { createWorkspaceRemoval, type WorkspaceRemoval } from './workspace-removal.js';

export interface ControllerOptions {
  readonly store: Store;
  /** By name. */
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly hub: Hub;
  readonly namespace: string;
  readonly log: Logger;
  readonly observeCall?: CallObserver;
  readonly observeReconcile?: (driver: string, outcome: 'success' | 'failure') => void;
  readonly observeLeftBehind?: (driver: string) => void;
  readonly now?: () => number;
  /** Default 60 s. */
  readonly reconcileEveryMs?: number;
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
  readonly workspaces: Pick<WorkspaceRemoval, 'needed' | 'begin'>;
  strays(): readonly Stray[];
  /** Waits at most `graceMs` for what is under way, then cuts it off: the next start takes it up. */
  close(graceMs: number): Promise<void>;
}

const RECONCILE_EVERY_MS = 60_000;

export const createController = (options: ControllerOptions): Controller => {
  const { store, drivers, hub, log } = options;
  const now = options.now ?? Date.now;
  const closing = new AbortController();
  const restarts = createRestartTimers({
    now,
    due: (record) => work.inBackground(record.id, restartByPolicy(record)),
  });
  const records = createRecords({ store, hub, log, now, onChange: restarts.see });
  const departures = createDepartures();
  const observeCall = options.observeCall ?? (() => {});
  const operations = createOperations({
    ...{ records, departures, log, now, observeCall },
    namespace: options.namespace,
  });
  const work = createWork({ records, operations, drivers, log, closing: closing.signal });
  const reconciler = createReconciler({
    ...{ store, drivers, records, work, hub, departures, restarts, log, now },
    everyMs: options.reconcileEveryMs ?? RECONCILE_EVERY_MS,
    observeReconcile: options.observeReconcile,
    observeLeftBehind: options.observeLeftBehind,
    closing: closing.signal,
  });
  const workspaces = createWorkspaceRemoval({ store, drivers, log, observeCall, closing: closing.signal });
  const loops: Promise<void>[] = [];

  const begin = (): void => {
    if (loops.length > 0 || closing.signal.aborted) return;
    for (const driver of drivers.values()) loops.push(reconciler.watch(driver));
    loops.push(
      workspaces.resume().catch((error) => log.warn('workspaces that end are not looked after', { error })),
    );
  };

  /** What a driver does is seen on its watch, so the watch stands first. */
  const operate = (id: string, operation: Operation): Promise<void> => {
    begin();
    return work.run(id, operation);
  };

  const restartByPolicy = async (seen: SandboxRecord): Promise<void> => {
    const record = await records.change(seen.id, (current) =>
      isRestartPending(current) && current.restarts.nextAtMs === seen.restarts.nextAtMs
        ? [toRestarting(current, now())]
        : [],
    );
    if (record.phase === 'starting') await operate(record.id, 'start');
  };

  return {
    start: begin,
    provision: (id) => operate(id, 'provision'),
    async stop(id) {
      const record = await records.change(id, (current) => {
        work.driverOf(current);
        if (current.phase === 'stopped' || current.phase === 'stopping') return [];
        if (isRestartPending(current)) return [toStopping(now()), toStopped(now())];
        if (current.phase !== 'running') throw wrongPhase(current, 'Ready', 'stop');
        return [toStopping(now())];
      });
      if (record.phase === 'stopping') await operate(id, 'stop');
      return records.change(id, () => []);
    },
    async restart(id) {
      const record = await records.change(id, (current) => {
        work.driverOf(current);
        if (current.phase === 'running' || current.phase === 'starting') return [];
        if (current.phase !== 'stopped' && current.phase !== 'exited')
          throw wrongPhase(current, 'Stopped', 'start');
        return [toStarting(now())];
      });
      if (record.phase === 'starting') await operate(id, 'start');
      return records.change(id, () => []);
    },
    async delete(id, remember) {
      const decide = (current: SandboxRecord) => {
        work.driverOf(current);
        return current.intent === 'delete' ? [] : [toDeleting(now())];
      };
      const record = await records.change(id, decide, remember);
      begin();
      if (record.phase === 'deleting') work.remove(id);
      return record;
    },
    workspaces,
    strays: () => reconciler.strays(),
    async close(graceMs) {
      reconciler.close();
      restarts.close();
      const grace = new AbortController();
      await Promise.race([work.idle(), delay(graceMs, grace.signal).catch(() => {})]);
      grace.abort();
      closing.abort();
      await Promise.all([work.idle(), workspaces.idle(), ...loops]);
    },
  };
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
