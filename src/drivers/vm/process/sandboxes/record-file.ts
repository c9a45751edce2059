import { OpenShellError } from '../../../../compute/errors.js';
import type { Logger } from '../../../../compute/log.js';
import { createSerialQueue } from '../promises.js';
import type { Broadcaster } from './broadcaster.js';
import { type Ending, type SandboxRecord, writeRecord } from './record.js';
import { observe } from './status.js';

/** A sandbox's record. A change takes effect at once, and is broadcast after it has been written. */
export function openRecord(
  directory: string,
  initial: SandboxRecord,
  { broadcaster, log }: { readonly broadcaster: Broadcaster; readonly log: Logger },
) {
  let record = initial;
  const inTurn = createSerialQueue();

  function save(change: Partial<SandboxRecord>): Promise<void> {
    record = { ...record, ...change };
    const changed = record;
    return inTurn(async () => {
      await writeRecord(directory, changed);
      broadcaster.sandbox(observe(changed));
    });
  }

  return {
    get now() {
      return record;
    },
    /** RESOURCE_EXHAUSTED when the disk is full. */
    save,
    /** Broadcast even when it cannot be written: the run is over in any case. */
    end: (ending: Ending): Promise<void> =>
      save({ ending, unfinishedStarts: 0 }).catch((error) => {
        log.warn(`the end of a run could not be written: ${OpenShellError.from(error).text}`);
        broadcaster.sandbox(observe(record));
      }),
    /** Ignores write errors: ending a machine has to work on a full disk, and the gateway retries. */
    note: (intent: 'stop' | 'delete'): Promise<void> =>
      save({ intent }).catch((error) => {
        log.warn(`the intent to ${intent} could not be written: ${OpenShellError.from(error).text}`);
      }),
  };
}
