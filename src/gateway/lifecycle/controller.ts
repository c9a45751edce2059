import { Code, failedPrecondition, type OpenShellError, unavailable } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { monotonicMs } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import { driverOf, type ManagedDriver } from '../drivers/managed.js';
import { type Admitted, createAdmission } from './admission.js';
import { createDeletionWaiters } from './deletion-waiters.js';
import {
  type CallObserver,
  createDriverCalls,
  DRIVER_DEADLINE_MS,
  type DriverDeadlines,
  type DriverLoad,
} from './driver-calls.js';
import { type Attempt, createOperations } from './operations.js';
import { createReconciler, type Stray } from './reconciler.js';
import { createRecords } from './records.js';
import { isRestartPending, publicPhase } from './restart-policy.js';
import { createRestartTimers } from './restart-timers.js';
import type { SandboxEvents } from './sandbox-events.js';
import { hasRun, REASON, toDeleting, toRestarting, toStarting, toStopped, toStopping } from './transition.js';
import { createTrustedClock } from './trusted-clock.js';
import { createWork, isNotFound, type Operation } from './work.js';
import { createWorkspaceRemoval, type WorkspaceRemoval } from './workspace-removal.js';

interface ControllerOptions {
  readonly store: Store;
  /** By name. */
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly sandboxEvents: SandboxEvents;
  readonly namespace: string;
  readonly log: Logger;
  readonly observeCall?: CallObserver;
  readonly observeReconcile?: (driver: string, outcome: 'success' | 'failure') => void;
  readonly observeLeftBehind?: (driver: string) => void;
  readonly tuning?: LifecycleTuning;
}

/** Parameters of the lifecycle; each has a default. */
export interface LifecycleTuning {
  /** Concurrent operations per driver. Default 16. */
  readonly maxOperations?: number;
  /** Running and waiting creates per driver; more are refused. Default 1,024. */
  readonly maxPendingCreates?: number;
  readonly deadlines?: Partial<DriverDeadlines>;
  /** Default 60 s. */
  readonly reconcileEveryMs?: number;
  /** How long a delete waits for its sandbox to be gone. Default 10 s. */
  readonly deleteWaitMs?: number;
  /** The wall clock. */
  readonly now?: () => number;
  readonly monotonic?: () => number;
}

/**
 * Makes the engines agree with the store. A request changes the row first (`records`, by compare-and-swap; the changes
 * are the pure functions of `transition`) and then starts the operation that the new phase requires: `work` runs one at
 * a time per sandbox (`lanes`), `operations` has their steps, `driver-calls` limits and times the calls (`slots`). The
 * reconciler follows each driver's watch, writes what it reports into the rows, and continues operations that were
 * interrupted. `sandboxEvents` publishes every change.
 */
export interface Controller {
  /** Starts the watches and the reconciler, unless the first operation already did. */
  start(): void;
  /** Reserves a slot for a create, before its row is stored. RESOURCE_EXHAUSTED when there are too many. */
  admit(driver: string): Admitted;
  /** The row must be stored. Resolves when the driver has succeeded or failed, and frees the slot. */
  provision(id: string, slot: Admitted): Promise<void>;
  /**
   * FAILED_PRECONDITION unless running, stopping, stopped, waiting for a restart, or failed after it ran. Resolves with
   * the row when the driver is done; UNAVAILABLE when the engine does not answer, while the stop continues.
   */
  stop(id: string): Promise<SandboxRecord>;
  /** FAILED_PRECONDITION unless stopped, exited, starting, running, or failed after it ran. Otherwise as `stop`. */
  restart(id: string): Promise<SandboxRecord>;
  /** Stores the intent; the removal continues in the background. */
  delete(id: string, remember?: Remember<SandboxRecord>): Promise<SandboxRecord>;
  /** Waits for a removal: true once the row is deleted, false after `deleteWaitMs` or when the signal aborts. */
  gone(id: string, signal: AbortSignal): Promise<boolean>;
  readonly workspaces: Pick<WorkspaceRemoval, 'needed' | 'begin'>;
  strays(): readonly Stray[];
  load(): DriverLoad[];
  /** Waits at most `graceMs` for running operations, then aborts them; the next start continues them. */
  close(graceMs: number): Promise<void>;
}

const RECONCILE_EVERY_MS = 60_000;
const DELETE_WAIT_MS = 10_000;
export const MAX_OPERATIONS = 16;
export const MAX_PENDING_CREATES = 1_024;

export function createController(options: ControllerOptions): Controller {
  const { store, drivers, sandboxEvents, log, tuning = {} } = options;
  const now = tuning.now ?? Date.now;
  const deadlines = { ...DRIVER_DEADLINE_MS, ...tuning.deadlines };
  const closing = new AbortController();
  const restarts = createRestartTimers({
    now,
    due: (record) => work.inBackground(record.id, restartByPolicy(record)),
  });
  const records = createRecords({ store, sandboxEvents, log, now, onChange: restarts.update });
  const deletionWaiters = createDeletionWaiters();
  const calls = createDriverCalls({
    observeCall: options.observeCall ?? (() => {}),
    deadlines,
    maxOperations: tuning.maxOperations ?? MAX_OPERATIONS,
  });
  const admission = createAdmission(tuning.maxPendingCreates ?? MAX_PENDING_CREATES);
  const { namespace } = options;
  const operations = createOperations({ records, deletionWaiters, namespace, log, now, calls, deadlines });
  const work = createWork({ records, operations, drivers, log, closing: closing.signal });
  const reconciler = createReconciler({
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
    trustedClock: createTrustedClock({ store, now, monotonic: tuning.monotonic ?? monotonicMs }),
    everyMs: tuning.reconcileEveryMs ?? RECONCILE_EVERY_MS,
    observeReconcile: options.observeReconcile,
    observeLeftBehind: options.observeLeftBehind,
    closing: closing.signal,
  });
  const workspaces = createWorkspaceRemoval({ store, drivers, log, calls, closing: closing.signal });
  const loops: Promise<void>[] = [];

  function begin(): void {
    if (loops.length > 0 || closing.signal.aborted) {
      return;
    }
    for (const driver of drivers.values()) {
      loops.push(reconciler.watch(driver));
    }
    loops.push(
      workspaces.resume().catch((error) => log.warn('resuming workspace deletions failed', { error })),
    );
  }

  /** The results of operations arrive on the driver's watch, so it has to be open first. */
  function operate(id: string, operation: Operation, inDoubt?: Attempt['inDoubt']): Promise<void> {
    begin();
    return work.run(id, operation, inDoubt);
  }

  /** As `operate`, but the caller does not wait for an engine that does not answer. */
  function operateWhileAnswering(record: SandboxRecord, operation: 'stop' | 'start'): Promise<void> {
    return new Promise((resolve, reject) => {
      operate(record.id, operation, (cause) => reject(notAnswering(record, operation, cause))).then(
        resolve,
        reject,
      );
    });
  }

  async function restartByPolicy(seen: SandboxRecord): Promise<void> {
    const record = await records.change(seen.id, (current) =>
      isRestartPending(current) && current.restarts.nextAtMs === seen.restarts.nextAtMs
        ? [toRestarting(current, now())]
        : [],
    );
    if (record.phase === 'starting') {
      await operate(record.id, 'start');
    }
  }

  return {
    start: begin,
    admit: admission.admit,
    provision: (id, slot) => operate(id, 'provision').finally(slot.free),
    async stop(id) {
      const record = await records.change(id, (current) => {
        driverOf(drivers, current);
        if (current.phase === 'stopped' || current.phase === 'stopping') {
          return [];
        }
        if (isRestartPending(current)) {
          return [toStopping(now()), toStopped(now())];
        }
        if (current.phase !== 'running' && !hasFailedAfterRun(current)) {
          throw wrongPhase(current, 'Ready', 'stop');
        }
        return [toStopping(now())];
      });
      if (record.phase === 'stopping') {
        await operateWhileAnswering(record, 'stop');
      }
      return records.get(id);
    },
    async restart(id) {
      const record = await records.change(id, (current) => {
        driverOf(drivers, current);
        if (current.phase === 'running' || current.phase === 'starting') {
          return [];
        }
        if (current.phase !== 'stopped' && current.phase !== 'exited' && !hasFailedAfterRun(current)) {
          throw wrongPhase(current, 'Stopped', 'start');
        }
        return [toStarting(now())];
      });
      if (record.phase === 'starting') {
        await operateWhileAnswering(record, 'start');
      }
      return records.get(id);
    },
    async delete(id, remember) {
      function decide(current: SandboxRecord) {
        driverOf(drivers, current);
        return current.intent === 'delete' ? [] : [toDeleting(now())];
      }

      const record = await records.change(id, decide, remember);
      begin();
      if (record.phase === 'deleting') {
        work.remove(id);
      }
      return record;
    },
    async gone(id, signal) {
      try {
        await records.until(id, () => false, tuning.deleteWaitMs ?? DELETE_WAIT_MS, signal);
        return false;
      } catch (error) {
        if (isNotFound(error)) {
          return true;
        }
        // The caller cancels only its wait.
        if (signal.aborted) {
          return false;
        }
        throw error;
      }
    },
    workspaces,
    strays: () => reconciler.strays(),
    load: () => calls.load(),
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
}

/** A start or stop can repair it. A sandbox that never ran, or whose resource is missing, can only be deleted. */
function hasFailedAfterRun(record: SandboxRecord): boolean {
  return record.phase === 'failed' && record.reason !== REASON.resourceMissing && hasRun(record);
}

function notAnswering(record: SandboxRecord, verb: string, cause: OpenShellError): OpenShellError {
  if (cause.code !== Code.DEADLINE_EXCEEDED && cause.reason !== undefined) {
    return cause;
  }
  const message = `the ${verb} of sandbox '${record.name}' continues, its outcome is not known yet: ${cause.message}`;
  return unavailable(message, { reason: REASON.notAnswering, cause });
}

function wrongPhase(record: SandboxRecord, needed: string, verb: string): OpenShellError {
  const phase = publicPhase(record);
  const shown = `${phase.slice(0, 1)}${phase.slice(1).toLowerCase()}`;
  return failedPrecondition(`sandbox must be ${needed} to ${verb} (current phase: ${shown})`, {
    reason: 'WrongPhase',
  });
}
