import type { ComputeDriver } from '../../compute/driver.js';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { SandboxRecord } from '../../store/model.js';
import type { ManagedDriver } from '../drivers/managed.js';
import { createLanes } from './lanes.js';
import type { Attempt, Operations } from './operations.js';
import type { Records } from './records.js';

export type Operation = keyof Operations;

interface WorkOptions {
  readonly records: Records;
  readonly operations: Operations;
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly log: Logger;
  /** Cuts off everything that runs. */
  readonly closing: AbortSignal;
}

/** Carries operations out, one after the other for each sandbox. */
export interface Work {
  /** FAILED_PRECONDITION when the sandbox's driver is not running here. */
  driverOf(record: SandboxRecord): ManagedDriver;
  /** Resolves when the driver is done. Does nothing when the row has left the operation's phase by then. */
  run(id: string, operation: Operation, inDoubt?: Attempt['inDoubt']): Promise<void>;
  /** Takes an unfinished operation up again, in the background. */
  resume(record: SandboxRecord): void;
  /** Removes in the background what a failed create left. */
  clean(record: SandboxRecord): void;
  /** Whether the row is in a phase that an operation ends. */
  isUnfinished(record: SandboxRecord): boolean;
  busy(id: string): boolean;
  /** Cuts short what runs for a sandbox and removes it, once however often it is asked for. */
  remove(id: string): void;
  /** Logs what goes wrong. */
  inBackground(id: string, work: Promise<unknown>): void;
  idle(): Promise<void>;
}

const OPERATION: Partial<Record<SandboxRecord['phase'], Operation>> = {
  provisioning: 'provision',
  stopping: 'stop',
  starting: 'start',
  deleting: 'remove',
};

export function createWork(options: WorkOptions): Work {
  const { records, operations, drivers, log, closing } = options;
  const lanes = createLanes();
  const running = new Map<string, AbortController>();
  const removing = new Set<string>();

  function driverOf(record: SandboxRecord): ManagedDriver {
    const found = drivers.get(record.driver);
    if (found !== undefined) {
      return found;
    }
    throw failedPrecondition(
      `sandbox '${record.name}' belongs to driver '${record.driver}', which is not running here`,
      { reason: 'DriverNotRunning', hint: `start the gateway with --drivers ${record.driver}` },
    );
  }

  function fits({ phase, intent }: SandboxRecord, operation: Operation): boolean {
    return operation === 'clean' ? phase === 'failed' && intent !== 'delete' : OPERATION[phase] === operation;
  }

  async function perform(
    operation: Operation,
    driver: ComputeDriver,
    record: SandboxRecord,
    attempt: Attempt,
  ) {
    if (fits(record, operation)) {
      await operations[operation](driver, record, attempt);
    }
  }

  function run(id: string, operation: Operation, inDoubt: Attempt['inDoubt'] = () => {}): Promise<void> {
    return lanes.run(id, async () => {
      const cut = new AbortController();
      running.set(id, cut);
      try {
        const record = await records.get(id);
        const signal = AbortSignal.any([cut.signal, closing]);
        await perform(operation, await driverOf(record).driver(), record, { signal, inDoubt });
      } finally {
        running.delete(id);
      }
    });
  }

  function inBackground(id: string, work: Promise<unknown>): void {
    work.catch((error) => {
      if (closing.aborted || isNotFound(error)) {
        return;
      }
      log.warn(`an operation did not finish: ${OpenShellError.from(error).text}`, { sandbox_id: id, error });
    });
  }

  return {
    driverOf,
    run,
    inBackground,
    isUnfinished: (record) => OPERATION[record.phase] !== undefined,
    busy: (id) => lanes.busy(id),
    resume(record) {
      const operation = OPERATION[record.phase];
      if (operation === undefined || lanes.busy(record.id)) {
        return;
      }
      inBackground(record.id, run(record.id, operation));
    },
    clean(record) {
      if (!lanes.busy(record.id)) {
        inBackground(record.id, run(record.id, 'clean'));
      }
    },
    remove(id) {
      if (removing.has(id)) {
        return;
      }
      removing.add(id);
      running.get(id)?.abort();
      inBackground(
        id,
        run(id, 'remove').finally(() => removing.delete(id)),
      );
    },
    idle: () => lanes.idle(),
  };
}

export function isNotFound(error: unknown): boolean {
  return error instanceof OpenShellError && error.code === Code.NOT_FOUND;
}

/** A row that went away meanwhile is nothing to act on. */
export function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) {
    throw error;
  }
}
