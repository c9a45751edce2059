import { observedState, REASON_CREATED } from '../../compute/conditions.js';
import { delay, heedDeadline } from '../../compute/deadline.js';
import type { ComputeDriver } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Departure, Departures } from './departures.js';
import { type CallObserver, DRIVER_DEADLINE_MS, observed } from './driver-calls.js';
import { toDriverSandbox } from './driver-sandbox.js';
import type { Records } from './records.js';
import { observe, REASON, toFailed, toStopped } from './transition.js';

export interface OperationsOptions {
  readonly records: Records;
  readonly departures: Departures;
  readonly namespace: string;
  readonly log: Logger;
  readonly observeCall: CallObserver;
  readonly now: () => number;
}

/** Carries a stored intent out on the driver. Every one of them may be cut off anywhere and run again. */
export interface Operations {
  /**
   * Brings a `provisioning` sandbox up, also when the driver is away for less than 30 s meanwhile. A failure leaves the
   * row `failed`, with the engine's reason.
   */
  provision(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal): Promise<void>;
  stop(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal): Promise<void>;
  start(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal): Promise<void>;
  /** Resolves when the resource and the row are gone; tries until then. */
  remove(driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal): Promise<void>;
}

const CREATE_RETRY_FIRST_MS = 50;
const CREATE_RETRY_WITHIN_MS = 30_000;
/** What is in the way for longer, and not shown, belongs to no call under way any more. */
const CREATE_PATIENCE_MS = 1_500;
/** How long a create waits for an engine that went away under it. */
const ABSENCE_PATIENCE_MS = 30_000;
const ABSENCE_RETRY_FIRST_MS = 100;
const ABSENCE_RETRY_MOST_MS = 2_000;
/** The driver's watch tells that a sandbox runs; how soon the engine is asked, in case it does not. */
const SETTLE_BY_WATCH_MS = 100;
const DELETE_RETRY_FIRST_MS = 500;
const DELETE_RETRY_MOST_MS = 30_000;
/** The driver's watch tells that a delete is done; how soon and how often the engine is asked, in case it does not. */
const DELETE_CONFIRM_FIRST_MS = 100;
const DELETE_CONFIRM_MS = 1_000;

export const createOperations = (options: OperationsOptions): Operations => {
  const { records, departures, namespace, log, observeCall, now } = options;

  const call = <T>(
    driver: ComputeDriver,
    name: string,
    timeoutMs: number,
    signal: AbortSignal,
    run: (options: { signal: AbortSignal }) => Promise<T>,
  ): Promise<T> =>
    observed(observeCall, driver.name, name, () =>
      heedDeadline(timeoutMs, signal, (until) => run({ signal: until })),
    );

  const query = (driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) =>
    call(driver, 'get', DRIVER_DEADLINE_MS.query, signal, (o) => driver.get(record, o));

  /** Takes over what the engine shows now, in case the watch does not bring it by itself. */
  const settle = async (driver: ComputeDriver, id: string, signal: AbortSignal): Promise<void> => {
    const settled = (record: SandboxRecord) => record.phase !== 'provisioning' && record.phase !== 'starting';
    const record = await records.until(id, settled, SETTLE_BY_WATCH_MS, signal);
    if (settled(record)) return;
    const shown = await query(driver, record, signal);
    await records.change(id, (current) => {
      if (settled(current)) return [];
      if (shown === undefined) return [resourceMissing(now())];
      return observe({ ...current, instanceId: '' }, shown, now());
    });
  };

  const fail = async (record: SandboxRecord, error: unknown, fallbackReason: string, signal: AbortSignal) => {
    if (signal.aborted) throw error;
    const known = OpenShellError.from(error);
    log.warn(`${fallbackReason}: ${known.text}`, { sandbox_id: record.id, driver: record.driver, error });
    const reason = known.reason ?? fallbackReason;
    await records.change(record.id, (current) =>
      current.intent === record.intent ? [toFailed(reason, known.text, now())] : [],
    );
  };

  const remove = (driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) =>
    call(driver, 'delete', DRIVER_DEADLINE_MS.delete, signal, (o) => driver.delete(record, o));

  /** A create that was cut off leaves no resource, a whole one, or one that never ran or goes: then it is made anew. */
  const needsCreate = async (driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) => {
    const shown = await query(driver, record, signal);
    if (shown === undefined) return true;
    const state = observedState(shown.status);
    const neverRan = state.kind === 'provisioning' && state.reason === REASON_CREATED;
    if (!neverRan && state.kind !== 'failed' && state.kind !== 'deleting') return false;
    await remove(driver, record, signal);
    return true;
  };

  const ensureWorkspace = async (driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) => {
    if (driver.ensureWorkspace === undefined) return;
    await call(driver, 'ensure_workspace', DRIVER_DEADLINE_MS.workspace, signal, (o) =>
      Promise.resolve(driver.ensureWorkspace?.(record.workspace, o)),
    );
  };

  const create = (driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) =>
    call(driver, 'create', DRIVER_DEADLINE_MS.create, signal, (o) =>
      driver.create(toDriverSandbox(record, namespace), o),
    );

  /** A call of a gateway that was killed can still be under way on the engine: what it makes comes and goes for a while. */
  const createOrFind = async (driver: ComputeDriver, record: SandboxRecord, signal: AbortSignal) => {
    const until = now() + CREATE_RETRY_WITHIN_MS;
    for (let waitMs = CREATE_RETRY_FIRST_MS; ; waitMs *= 2) {
      try {
        return await create(driver, record, signal);
      } catch (error) {
        if (!(error instanceof OpenShellError) || error.code !== Code.ALREADY_EXISTS) throw error;
        if (!(await needsCreate(driver, record, signal))) return;
        if (now() + waitMs > until) throw error;
        await delay(waitMs, signal);
        if (waitMs > CREATE_PATIENCE_MS) await remove(driver, record, signal);
      }
    }
  };

  /** Runs `work` again while the engine, or the driver's process, is away for a moment. */
  const throughAbsence = async (record: SandboxRecord, signal: AbortSignal, work: () => Promise<void>) => {
    let until: number | undefined;
    for (let waitMs = ABSENCE_RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, ABSENCE_RETRY_MOST_MS)) {
      try {
        return await work();
      } catch (error) {
        if (!isUnavailable(error) || signal.aborted) throw error;
        if (until === undefined)
          log.warn(`create will be tried again: ${error.text}`, { sandbox_id: record.id, error });
        until ??= now() + ABSENCE_PATIENCE_MS;
        if (now() + waitMs > until) throw error;
        await delay(waitMs, signal);
      }
    }
  };

  return {
    async provision(driver, record, signal) {
      try {
        await throughAbsence(record, signal, async () => {
          await ensureWorkspace(driver, record, signal);
          await createOrFind(driver, record, signal);
          await settle(driver, record.id, signal);
        });
      } catch (error) {
        await fail(record, error, 'CreateFailed', signal);
      }
    },

    async stop(driver, record, signal) {
      try {
        await call(driver, 'stop', DRIVER_DEADLINE_MS.stop, signal, (o) => driver.stop(record, o));
        await records.change(record.id, (current) =>
          current.phase === 'stopping' ? [toStopped(now())] : [],
        );
      } catch (error) {
        await failUnlessPassing(error, record, 'StopFailed', signal);
      }
    },

    async start(driver, record, signal) {
      try {
        await call(driver, 'start', DRIVER_DEADLINE_MS.start, signal, (o) => driver.start(record, o));
        await settle(driver, record.id, signal);
      } catch (error) {
        await failUnlessPassing(error, record, 'StartFailed', signal);
      }
    },

    async remove(driver, record, signal) {
      for (let waitMs = DELETE_RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, DELETE_RETRY_MOST_MS)) {
        const departure = departures.expect(record.id);
        try {
          const deleting = await remove(driver, record, signal);
          await gone(driver, record, departure, deleting ? DELETE_CONFIRM_FIRST_MS : 0, signal);
          await records.remove(record.id);
          return;
        } catch (error) {
          if (signal.aborted) throw error;
          const known = OpenShellError.from(error);
          log.warn(`delete will be tried again in ${waitMs} ms: ${known.text}`, {
            sandbox_id: record.id,
            error,
          });
          await delay(waitMs, signal);
        } finally {
          departure.dispose();
        }
      }
    },
  };

  async function gone(
    driver: ComputeDriver,
    record: SandboxRecord,
    departure: Departure,
    firstMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    await heedDeadline(DRIVER_DEADLINE_MS.delete, signal, async (until) => {
      for (let waitMs = firstMs; !(await departure.within(waitMs, until)); waitMs = DELETE_CONFIRM_MS) {
        if ((await query(driver, record, until)) === undefined) return;
      }
    });
  }

  async function failUnlessPassing(
    error: unknown,
    record: SandboxRecord,
    reason: string,
    signal: AbortSignal,
  ) {
    if (isUnavailable(error) && !signal.aborted) {
      // The engine is away: the row keeps its intent and the reconciler takes it up again.
      log.warn(`${reason}: ${error.text}; it will be tried again`, { sandbox_id: record.id, error });
      throw error;
    }
    if (error instanceof OpenShellError && error.code === Code.NOT_FOUND) {
      await records.change(record.id, (current) =>
        current.intent === record.intent ? [resourceMissing(now())] : [],
      );
      return;
    }
    await fail(record, error, reason, signal);
  }
};

const isUnavailable = (error: unknown): error is OpenShellError =>
  error instanceof OpenShellError && error.code === Code.UNAVAILABLE;

/** The failure of a sandbox whose engine does not know it any more. */
export const resourceMissing = (nowMs: number) =>
  toFailed(REASON.resourceMissing, 'the sandbox is gone from its engine; delete it', nowMs);
