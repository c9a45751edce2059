import { observedState, REASON_CREATED } from '../../compute/conditions.js';
import type { ComputeDriver } from '../../compute/driver.js';
import { Code, OpenShellError, unavailable } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { createBackoff, monotonicMs } from '../../kit/backoff.js';
import { delay, runWithDeadline } from '../../kit/deadline.js';
import type { SandboxRecord } from '../../store/model.js';
import type { DeletionWaiter, DeletionWaiters } from './deletion-waiters.js';
import type { DriverCalls, DriverDeadlines } from './driver-calls.js';
import { refOf, toDriverSandbox } from './driver-sandbox.js';
import type { Records } from './records.js';
import {
  hasLeftovers,
  hasRun,
  observe,
  REASON,
  toCleaned,
  toFailed,
  toFailedWithLeftovers,
  toMissing,
  toNotAnswering,
  toStopped,
} from './transition.js';

interface OperationsOptions {
  readonly records: Records;
  readonly deletionWaiters: DeletionWaiters;
  readonly namespace: string;
  readonly log: Logger;
  readonly calls: DriverCalls;
  readonly deadlines: DriverDeadlines;
  readonly now: () => number;
}

/** One run of an operation. */
export interface Attempt {
  readonly signal: AbortSignal;
  /** The outcome of a call is not known. The operation continues; its caller need not wait. */
  inDoubt(error: OpenShellError): void;
}

type Run = (driver: ComputeDriver, record: SandboxRecord, attempt: Attempt) => Promise<void>;

/**
 * Carries out a stored intent on the driver. Each operation may be interrupted anywhere and run again. When an outcome
 * is not known (a deadline, a broken connection), the operation has not failed: the row keeps phase and intent, with a
 * condition, until the engine answers.
 */
export interface Operations {
  /** Creates a `provisioning` sandbox. After a failure the row is `failed`, with the reason, and has no resource. */
  provision: Run;
  stop: Run;
  start: Run;
  /** Deletes the resource, then the row; retries until both are deleted. */
  remove: Run;
  /** Deletes the resource of a failed row whose sandbox never ran. The row stays. */
  clean: Run;
}

const CREATE_RETRY_FIRST_MS = 50;
const CREATE_RETRY_WITHIN_MS = 30_000;
/** A conflict that lasts longer, and is not shown, is not caused by a call that is still running. */
const CREATE_CONFLICT_MS = 1_500;
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 10_000;
/** The driver's watch reports that a sandbox runs; how soon the engine is asked in case it does not. */
const SETTLE_BY_WATCH_MS = 100;
const DELETE_RETRY_FIRST_MS = 500;
const DELETE_RETRY_MOST_MS = 30_000;
/** The driver's watch reports that a delete is done; how soon and how often the engine is asked in case it does not. */
const DELETE_CONFIRM_FIRST_MS = 100;
const DELETE_CONFIRM_MS = 1_000;

export function createOperations(options: OperationsOptions): Operations {
  const { records, deletionWaiters, namespace, log, calls, now } = options;

  /** When a query fails for any reason, the outcome of the operation is not known. */
  async function query(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) {
    try {
      return await calls.run(driver.name, 'get', signal, (options) => driver.get(refOf(record), options));
    } catch (error) {
      const known = OpenShellError.from(error);
      if (signal.aborted || UNKNOWN_OUTCOME.has(known.code)) {
        throw error;
      }
      throw unavailable(known.message, { reason: REASON.notAnswering, cause: error });
    }
  }

  /** Waits for the watch to report the result, then asks the engine. */
  async function settle(driver: ComputeDriver, id: string, signal: AbortSignal): Promise<void> {
    function settled(record: SandboxRecord) {
      return record.phase !== 'provisioning' && record.phase !== 'starting';
    }

    const record = await records.until(id, settled, SETTLE_BY_WATCH_MS, signal);
    if (settled(record)) {
      return;
    }
    const shown = await query(driver, record, signal);
    await records.change(id, (current) => {
      if (settled(current)) {
        return [];
      }
      return shown === undefined ? [toMissing(now())] : observe({ ...current, instanceId: '' }, shown, now());
    });
  }

  /** Runs `work` until its outcome is known, or the row is in another phase. */
  async function untilKnown(
    verb: string,
    record: SandboxRecord,
    { signal, inDoubt }: Attempt,
    work: (again: boolean) => Promise<void>,
    isKnown: (error: OpenShellError, inDoubtForMs: number) => Promise<boolean> = async () => false,
  ): Promise<void> {
    const backoff = createBackoff(RETRY_FIRST_MS, RETRY_MOST_MS);
    let since: number | undefined;
    for (;;) {
      try {
        return await work(since !== undefined);
      } catch (error) {
        const known = OpenShellError.from(error);
        if (signal.aborted || !UNKNOWN_OUTCOME.has(known.code)) {
          throw error;
        }
        if (await isKnown(known, since === undefined ? 0 : monotonicMs() - since)) {
          throw error;
        }
        if (since === undefined) {
          log.warn(`${verb} will be retried: ${known.text}`, { sandbox_id: record.id, error });
        }
        since ??= monotonicMs();
        const current = await records.change(record.id, (row) =>
          row.phase === record.phase ? toNotAnswering(row, known.text, now()) : [],
        );
        if (current.phase !== record.phase) {
          return;
        }
        inDoubt(known);
        await delay(backoff.next(), signal);
        if ((await records.get(record.id)).phase !== record.phase) {
          return;
        }
      }
    }
  }

  async function fail(
    record: SandboxRecord,
    error: unknown,
    fallbackReason: string,
    toFailure: typeof toFailed = toFailed,
  ) {
    const known = OpenShellError.from(error);
    log.warn(`${fallbackReason}: ${known.text}`, { sandbox_id: record.id, driver: record.driver, error });
    const reason = known.reason ?? fallbackReason;
    await records.change(record.id, (current) =>
      current.intent === record.intent ? [toFailure(reason, known.text, now())] : [],
    );
  }

  async function failOrMissing(record: SandboxRecord, error: unknown, reason: string, signal: AbortSignal) {
    if (signal.aborted) {
      throw error;
    }
    if (!(error instanceof OpenShellError) || error.code !== Code.NOT_FOUND) {
      return fail(record, error, reason);
    }
    await records.change(record.id, (current) =>
      current.intent === record.intent ? [toMissing(now())] : [],
    );
  }

  function remove(
    driver: ComputeDriver,
    record: SandboxRecord,
    signal: AbortSignal,
    call: 'delete' | 'undo' = 'delete',
  ) {
    return calls.run(driver.name, call, signal, (options) => driver.delete(refOf(record), options));
  }

  /**
   * An interrupted create leaves no resource, a complete one, or one that never ran or is being deleted. In the last
   * case it is deleted and created again.
   */
  async function needsCreate(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) {
    const shown = await query(driver, record, signal);
    if (shown === undefined) {
      return true;
    }
    const state = observedState(shown.status);
    const neverRan = state.kind === 'provisioning' && state.reason === REASON_CREATED;
    if (!neverRan && state.kind !== 'failed' && state.kind !== 'deleting') {
      return false;
    }
    await remove(driver, record, signal);
    return true;
  }

  async function ensureWorkspace(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) {
    if (driver.ensureWorkspace === undefined) {
      return;
    }
    await calls.run(driver.name, 'ensure_workspace', signal, async (options) =>
      driver.ensureWorkspace?.(record.workspace, options),
    );
  }

  function create(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) {
    return calls.run(driver.name, 'create', signal, (options) =>
      driver.create(toDriverSandbox(record, namespace), options),
    );
  }

  /** An interrupted call can still be running on the engine: what it creates appears and disappears. */
  async function createOrFind(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) {
    const backoff = createBackoff(CREATE_RETRY_FIRST_MS, CREATE_RETRY_WITHIN_MS);
    let since: number | undefined;
    for (;;) {
      try {
        return await create(driver, record, signal);
      } catch (error) {
        if (!(error instanceof OpenShellError) || error.code !== Code.ALREADY_EXISTS) {
          throw error;
        }
        if (!(await needsCreate(driver, record, signal))) {
          return;
        }
        since ??= monotonicMs();
        const waitMs = backoff.next();
        if (monotonicMs() + waitMs - since > CREATE_RETRY_WITHIN_MS) {
          throw error;
        }
        await delay(waitMs, signal);
        if (monotonicMs() - since > CREATE_CONFLICT_MS) {
          await remove(driver, record, signal);
        }
      }
    }
  }

  /** Whether the engine answers, although creates are unavailable, and has no resource of the sandbox. */
  async function hasNothing(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) {
    try {
      const shown = await query(driver, record, signal);
      return shown === undefined || observedState(shown.status).kind === 'failed';
    } catch (error) {
      if (signal.aborted) {
        throw error;
      }
      return false;
    }
  }

  /** Deletes what a failed create left; false when that is not certain. */
  async function undo(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal): Promise<boolean> {
    try {
      await remove(driver, record, signal, 'undo');
      return true;
    } catch (error) {
      if (signal.aborted) {
        throw error;
      }
      const { text } = OpenShellError.from(error);
      log.warn(`deleting what a failed create left failed: ${text}`, { sandbox_id: record.id, error });
      return false;
    }
  }

  return {
    async provision(driver, record, attempt) {
      const { signal } = attempt;
      try {
        await untilKnown(
          'create',
          record,
          attempt,
          async () => {
            await ensureWorkspace(driver, record, signal);
            await createOrFind(driver, record, signal);
            await settle(driver, record.id, signal);
          },
          async ({ code }, inDoubtForMs) =>
            code !== Code.DEADLINE_EXCEEDED &&
            inDoubtForMs > options.deadlines.absence &&
            hasNothing(driver, record, signal),
        );
      } catch (error) {
        if (signal.aborted) {
          throw error;
        }
        const undone = await undo(driver, record, signal);
        await fail(record, error, 'CreateFailed', undone ? toFailed : toFailedWithLeftovers);
      }
    },

    async stop(driver, record, attempt) {
      const { signal } = attempt;
      async function isDown() {
        const shown = await query(driver, record, signal);
        return shown !== undefined && ['stopped', 'exited'].includes(observedState(shown.status).kind);
      }

      try {
        await untilKnown('stop', record, attempt, async (again) => {
          if (again && (await isDown())) {
            return;
          }
          await calls.run(driver.name, 'stop', signal, (options) => driver.stop(refOf(record), options));
        });
        await records.change(record.id, (current) =>
          current.phase === 'stopping' ? [toStopped(now())] : [],
        );
      } catch (error) {
        await failOrMissing(record, error, 'StopFailed', signal);
      }
    },

    async start(driver, record, attempt) {
      const { signal } = attempt;
      /** Whether a start whose answer was lost has succeeded. */
      async function hasStarted() {
        const shown = await query(driver, record, signal);
        if (shown === undefined) {
          return false;
        }
        const runs = observedState(shown.status).kind === 'running';
        const current = await records.change(record.id, (row) =>
          row.phase === 'starting' ? observe(runs ? { ...row, instanceId: '' } : row, shown, now()) : [],
        );
        return current.phase !== 'starting';
      }

      try {
        await untilKnown('start', record, attempt, async (again) => {
          if (again && (await hasStarted())) {
            return;
          }
          await calls.run(driver.name, 'start', signal, (options) => driver.start(refOf(record), options));
          await settle(driver, record.id, signal);
        });
      } catch (error) {
        await failOrMissing(record, error, 'StartFailed', signal);
      }
    },

    async remove(driver, record, { signal }) {
      const backoff = createBackoff(DELETE_RETRY_FIRST_MS, DELETE_RETRY_MOST_MS);
      for (;;) {
        const waiter = deletionWaiters.expect(record.id);
        try {
          const deleting = await remove(driver, record, signal);
          await untilDeleted(driver, record, waiter, deleting ? DELETE_CONFIRM_FIRST_MS : 0, signal);
          await records.remove(record.id);
          return;
        } catch (error) {
          if (signal.aborted) {
            throw error;
          }
          const known = OpenShellError.from(error);
          const waitMs = backoff.next();
          log.warn(`delete will be retried in ${waitMs} ms: ${known.text}`, { sandbox_id: record.id, error });
          await records.change(record.id, (row) =>
            UNKNOWN_OUTCOME.has(known.code) ? toNotAnswering(row, known.text, now()) : [],
          );
          await delay(waitMs, signal);
        } finally {
          waiter.dispose();
        }
      }
    },

    async clean(driver, record, { signal }) {
      if (!hasLeftovers(record) && hasRun(record)) {
        return;
      }
      await remove(driver, record, signal);
      await records.change(record.id, (current) => (hasLeftovers(current) ? [toCleaned(current)] : []));
    },
  };

  async function untilDeleted(
    driver: ComputeDriver,
    record: SandboxRecord,
    waiter: DeletionWaiter,
    firstMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    await runWithDeadline(options.deadlines.delete, signal, async (until) => {
      for (let waitMs = firstMs; !(await waiter.within(waitMs, until)); waitMs = DELETE_CONFIRM_MS) {
        if ((await query(driver, record, until)) === undefined) {
          return;
        }
      }
    });
  }
}

/** The call may have succeeded, or may succeed when it is retried. */
const UNKNOWN_OUTCOME: ReadonlySet<Code> = new Set([Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE, Code.ABORTED]);
