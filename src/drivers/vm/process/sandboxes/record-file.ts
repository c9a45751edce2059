import { OpenShellError } from '../../../../compute/errors.js';
import type { Logger } from '../../../../compute/log.js';
import type { Broadcaster } from './broadcaster.js';
import { type Ending, type SandboxRecord, writeRecord } from './record.js';
import { observe } from './status.js';

/** A sandbox's record: changed at once, written in its turn, and told when it is written. */
interface RecordFile {
  readonly now: SandboxRecord;
  /** RESOURCE_EXHAUSTED when the disk is full. */
  save(change: Partial<SandboxRecord>): Promise<void>;
  /** Told even when it cannot be written: the run is over in any case. */
  end(ending: Ending): Promise<void>;
  /** Goes on when it cannot be written: what ends a machine has to work on a full disk, and the gateway asks again. */
  note(intent: 'stop' | 'delete'): Promise<void>;
}

export function keepRecord(
  directory: string,
  initial: SandboxRecord,
  { broadcaster, log }: { readonly broadcaster: Broadcaster; readonly log: Logger },
): RecordFile {
  let record = initial;
  let writing: Promise<void> = Promise.resolve();

  function save(change: Partial<SandboxRecord>): Promise<void> {
    record = { ...record, ...change };
    const changed = record;
    const written = writing.then(async () => {
      await writeRecord(directory, changed);
      broadcaster.sandbox(observe(changed));
    });
    writing = written.catch(() => {});
    return written;
  }

  return {
    get now() {
      return record;
    },
    save,
    end: (ending) =>
      save({ ending, unfinishedStarts: 0 }).catch((error) => {
        log.warn(`the end of a run is not written: ${OpenShellError.from(error).text}`);
        broadcaster.sandbox(observe(record));
      }),
    note: (intent) =>
      save({ intent }).catch((error) => {
        log.warn(`the intent to ${intent} is not written: ${OpenShellError.from(error).text}`);
      }),
  };
}
