import { Code, notFound, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { delay } from '../../kit/deadline.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Remember, SandboxChange, Store } from '../../store/store.js';
import type { SandboxEvents } from './sandbox-events.js';

/** Attempts before a write gives up; each failed one means that another write succeeded. */
const ATTEMPTS = 8;

/** Reads and changes sandbox rows by compare-and-swap, and publishes the changes. */
export interface Records {
  /** NOT_FOUND when there is no row. */
  get(id: string): Promise<SandboxRecord>;
  /**
   * Calls `decide` with the stored row, does the writes that it returns in order and publishes each. When another write
   * came first, `decide` is called again. NOT_FOUND when there is no row. Returns the changed row, whose `remember` is
   * stored together with the last write.
   */
  change(
    id: string,
    decide: (record: SandboxRecord) => readonly SandboxChange[],
    remember?: Remember<SandboxRecord>,
  ): Promise<SandboxRecord>;
  /** Returns the row as soon as it is `wanted`, or as it is after `ms`. NOT_FOUND when there is no row. */
  until(
    id: string,
    wanted: (record: SandboxRecord) => boolean,
    ms: number,
    signal: AbortSignal,
  ): Promise<SandboxRecord>;
  /** Deletes the row, stores a tombstone and notifies the subscribers. */
  remove(id: string): Promise<void>;
}

/** Longer texts from engines are cut, so that rows have a bounded size. */
const MAX_TEXT_CHARS = 1536;
const MAX_CONDITIONS = 2;

function short(text: string): string {
  return text.length <= MAX_TEXT_CHARS
    ? text
    : text
        .slice(0, MAX_TEXT_CHARS - 1)
        .replace(/[\ud800-\udbff]$/, '')
        .concat('…');
}

function bounded(change: SandboxChange): SandboxChange {
  return {
    ...change,
    ...(change.reason === undefined ? {} : { reason: short(change.reason) }),
    ...(change.message === undefined ? {} : { message: short(change.message) }),
    ...(change.conditions === undefined
      ? {}
      : {
          conditions: change.conditions
            .slice(0, MAX_CONDITIONS)
            .map((one) => ({ ...one, reason: short(one.reason), message: short(one.message) })),
        }),
  };
}

export function createRecords(options: {
  store: Store;
  sandboxEvents: SandboxEvents;
  log: Logger;
  now: () => number;
  /** Called for every write, after the subscribers; must not throw. */
  onChange: (record: SandboxRecord) => void;
}): Records {
  const { store, sandboxEvents, log, now } = options;

  async function get(id: string): Promise<SandboxRecord> {
    const record = await store.getSandbox(id);
    if (record === undefined) {
      throw notFound('sandbox not found');
    }
    return record;
  }

  function logPhase(record: SandboxRecord): void {
    log.info(`sandbox '${record.name}' is ${record.phase}`, {
      sandbox_id: record.id,
      workspace: record.workspace,
      exit_code: record.phase === 'exited' ? record.exitCode : undefined,
      reason: record.phase === 'failed' ? record.reason : undefined,
    });
  }

  return {
    get,
    async change(id, decide, remember) {
      for (let attempt = 1; ; attempt++) {
        let record = await get(id);
        try {
          const changes = decide(record);
          for (const [index, change] of changes.entries()) {
            const before = record.phase;
            const last = index === changes.length - 1 ? remember : undefined;
            record = await store.updateSandbox(id, record.resourceVersion, bounded(change), last);
            if (record.phase !== before) {
              logPhase(record);
            }
            sandboxEvents.publish(id, { type: 'record', record });
            options.onChange(record);
          }
          if (changes.length === 0 && remember !== undefined) {
            await store.putRequest(remember(record));
          }
          return record;
        } catch (error) {
          if (!(error instanceof OpenShellError) || error.code !== Code.ABORTED || attempt === ATTEMPTS) {
            throw error;
          }
        }
      }
    },
    async until(id, wanted, ms, signal) {
      const done = new AbortController();
      const unsubscribe = sandboxEvents.subscribe(id, (event) => {
        if (event.type === 'removed' || (event.type === 'record' && wanted(event.record))) {
          done.abort();
        }
      });
      try {
        const record = await get(id);
        if (wanted(record)) {
          return record;
        }
        await delay(ms, AbortSignal.any([done.signal, signal])).catch(() => {});
        signal.throwIfAborted();
        return await get(id);
      } finally {
        unsubscribe();
      }
    },
    async remove(id) {
      await store.removeSandbox(id, now());
      sandboxEvents.publish(id, { type: 'removed' });
    },
  };
}
