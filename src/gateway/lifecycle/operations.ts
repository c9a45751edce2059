import { observedState, REASON_CREATED } from '../../compute/conditions.js';
import type { ComputeDriver } from '../../compute/driver.js';
import { Code, OpenShellError, unavailable } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { createBackoff, monotonicMs } from '../../kit/backoff.js';
import { delay, runWithDeadline } from '../../kit/deadline.js';
import type { SandboxRecord } from '../../store/model.js';
import type { DeletionWaiters, Departure } from './deletion-waiters.js';
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
  /** The engine has not told how a call ended. The operation goes on; who asked for it need not wait. */
  inDoubt(error: OpenShellError): void;
}

type Carry = (driver: ComputeDriver, record: SandboxRecord, attempt: Attempt) => Promise<void>;

/**
 * Carries a stored intent out on the driver. Every one of them may be cut off anywhere and run again. An outcome that
 * is not known (a deadline, a broken connection) is no failure: the row keeps phase and intent, and says so, until the
 * engine has told.
 */
export interface Operations {
  /** Brings a `provisioning` sandbox up. A failure leaves the row `failed`, with the engine's reason, and no resource. */
  provision: Carry;
  stop: Carry;
  start: Carry;
  /** Resolves when the resource and the row are gone; tries until then. */
  remove: Carry;
  /** Removes what stands under a failed row whose sandbox never ran. The row stays. */
  clean: Carry;
}

const CREATE_RETRY_FIRST_MS = 50;
const CREATE_RETRY_WITHIN_MS = 30_000;
/** What is in the way for longer, and not shown, belongs to no call under way any more. */
const CREATE_PATIENCE_MS = 1_500;
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 10_000;
/** The driver's watch tells that a sandbox runs; how soon the engine is asked, in case it does not. */
const SETTLE_BY_WATCH_MS = 100;
const DELETE_RETRY_FIRST_MS = 500;
const DELETE_RETRY_MOST_MS = 30_000;
/** The driver's watch tells that a delete is done; how soon and how often the engine is asked, in case it does not. */
const DELETE_CONFIRM_FIRST_MS = 100;
const DELETE_CONFIRM_MS = 1_000;

export function createOperations(options: OperationsOptions): Operations {
  const { records, deletionWaiters, namespace, log, calls, now } = options;

  /** An engine that does not show what it has, for whatever reason, has not told how an operation ended. */
  async function query(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) {
    try {
      return await calls.run(driver.name, 'get', signal, (options) => driver.get(refOf(record), options));
    } catch (error) {
      const known = OpenShellError.from(error);
      if (signal.aborted || PASSING.has(known.code)) {
        throw error;
      }
      throw unavailable(known.message, { reason: REASON.notAnswering, cause: error });
    }
  }

  /** Takes over what the engine shows now, in case the watch does not bring it by itself. */
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
      if (shown === undefined) {
        return [toMissing(now())];
      }
      return observe({ ...current, instanceId: '' }, shown, now());
    });
  }

  /** Runs `work` again until its outcome is known, or the row has left the phase. */
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
        if (signal.aborted || !PASSING.has(known.code)) {
          throw error;
        }
        if (await isKnown(known, since === undefined ? 0 : monotonicMs() - since)) {
          throw error;
        }
        if (since === undefined) {
          log.warn(`${verb} will be tried again: ${known.text}`, { sandbox_id: record.id, error });
        }
        since ??= monotonicMs();
        const current = await records.change(record.id, (row) => {
          const change = row.phase === record.phase ? toNotAnswering(row, known.text, now()) : undefined;
          return change === undefined ? [] : [change];
        });
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

  function remove(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) {
    return calls.run(driver.name, 'delete', signal, (options) => driver.delete(refOf(record), options));
  }

  /** A create that was cut off leaves no resource, a whole one, or one that never ran or goes: then it is made anew. */
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

  /** A call that nobody waits for any more can still be under way on the engine: what it makes comes and goes. */
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
        if (monotonicMs() - since > CREATE_PATIENCE_MS) {
          await remove(driver, record, signal);
        }
      }
    }
  }

  /** Whether an engine that does answer has nothing of a sandbox whose create it calls unavailable. */
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

  /** Removes what a create that failed for good has left; false when that is not certain. */
  async function undo(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal): Promise<boolean> {
    try {
      await calls.run(driver.name, 'undo', signal, (options) => driver.delete(refOf(record), options));
      return true;
    } catch (error) {
      if (signal.aborted) {
        throw error;
      }
      log.warn(`what a failed create made may still be there: ${OpenShellError.from(error).text}`, {
        sandbox_id: record.id,
        error,
      });
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
      /** A run that began by a call whose answer was lost. */
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
        const departure = deletionWaiters.expect(record.id);
        try {
          const deleting = await remove(driver, record, signal);
          await gone(driver, record, departure, deleting ? DELETE_CONFIRM_FIRST_MS : 0, signal);
          await records.remove(record.id);
          return;
        } catch (error) {
          if (signal.aborted) {
            throw error;
          }
          const known = OpenShellError.from(error);
          const waitMs = backoff.next();
          log.warn(`delete will be tried again in ${waitMs} ms: ${known.text}`, {
            sandbox_id: record.id,
            error,
          });
          await records.change(record.id, (row) => {
            const change = PASSING.has(known.code) ? toNotAnswering(row, known.text, now()) : undefined;
            return change === undefined ? [] : [change];
          });
          await delay(waitMs, signal);
        } finally {
          departure.dispose();
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

  async function gone(
    driver: ComputeDriver,
    record: SandboxRecord,
    departure: Departure,
    firstMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    await runWithDeadline(options.deadlines.delete, signal, async (until) => {
      for (let waitMs = firstMs; !(await departure.within(waitMs, until)); waitMs = DELETE_CONFIRM_MS) {
        if ((await query(driver, record, until)) === undefined) {
          return;
        }
      }
    });
  }
}

/** The call may have been carried out, or will be when it is made again: its outcome is not known. */
const PASSING: ReadonlySet<Code> = new Set([Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE, Code.ABORTED]);
