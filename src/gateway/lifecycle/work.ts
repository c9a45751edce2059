import { Code, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { SandboxRecord } from '../../store/model.js';
import { driverOf, type ManagedDriver } from '../drivers/managed.js';
import { createLanes } from './lanes.js';
import type { Attempt, Operations } from './operations.js';
import type { Records } from './records.js';

export type Operation = keyof Operations;

interface WorkOptions {
  readonly records: Records;
  readonly operations: Operations;
  readonly drivers: ReadonlyMap<string, ManagedDriver>;
  readonly log: Logger;
  /** Aborts everything that is running. */
  readonly closing: AbortSignal;
}

/** Runs operations, one at a time for each sandbox. */
export interface Work {
  /** Resolves when the driver is done. Does nothing when the row is no longer in the operation's phase. */
  run(id: string, operation: Operation, inDoubt?: Attempt['inDoubt']): Promise<void>;
  /** Continues an unfinished operation in the background. */
  resume(record: SandboxRecord): void;
  /** Removes what a failed create left, in the background. */
  clean(record: SandboxRecord): void;
  /** Whether the row is in a phase that an operation has to end. */
  isUnfinished(record: SandboxRecord): boolean;
  busy(id: string): boolean;
  /** Aborts what is running for a sandbox and removes it. Idempotent. */
  remove(id: string): void;
  /** Logs a failure. */
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

  function fits({ phase, intent }: SandboxRecord, operation: Operation): boolean {
    return operation === 'clean' ? phase === 'failed' && intent !== 'delete' : OPERATION[phase] === operation;
  }

  function run(id: string, operation: Operation, inDoubt: Attempt['inDoubt'] = () => {}): Promise<void> {
    return lanes.run(id, async () => {
      const abort = new AbortController();
      running.set(id, abort);
      try {
        const record = await records.get(id);
        const signal = AbortSignal.any([abort.signal, closing]);
        const driver = await driverOf(drivers, record).driver();
        if (fits(record, operation)) {
          await operations[operation](driver, record, { signal, inDoubt });
        }
      } finally {
        running.delete(id);
      }
    });
  }

  function inBackground(id: string, work: Promise<unknown>): void {
    work.catch((error) => {
      if (!closing.aborted && !isNotFound(error)) {
        log.warn(`an operation failed: ${OpenShellError.from(error).text}`, { sandbox_id: id, error });
      }
    });
  }

  return {
    run,
    inBackground,
    isUnfinished: (record) => OPERATION[record.phase] !== undefined,
    busy: (id) => lanes.busy(id),
    resume(record) {
      const operation = OPERATION[record.phase];
      if (operation !== undefined && !lanes.busy(record.id)) {
        inBackground(record.id, run(record.id, operation));
      }
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

/** For a row that may have been deleted meanwhile. */
export function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) {
    throw error;
  }
}
