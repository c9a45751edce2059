import { Code, notFound, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import { delay } from '../../kit/deadline.js';
import type { SandboxRecord } from '../../store/model.js';
import type { Remember, SandboxChange, Store } from '../../store/store.js';
import type { Hub } from './hub.js';

/** Lost races before a write gives up; every loss means that another write got through. */
const ATTEMPTS = 8;

/** Reads, decides, writes and publishes one sandbox row, by compare-and-swap. */
export interface Records {
  /** NOT_FOUND when there is no row. */
  get(id: string): Promise<SandboxRecord>;
  /**
   * Asks `decide` for the writes to do, does them in order and publishes each. `decide` sees the stored row and is
   * asked again when another write came first. NOT_FOUND when there is no row. Gives the row as it is afterwards,
   * `remember`ed together with the last write.
   */
  change(
    id: string,
    decide: (record: SandboxRecord) => readonly SandboxChange[],
    remember?: Remember<SandboxRecord>,
  ): Promise<SandboxRecord>;
  /** The row as soon as it is as `wanted`, or as it is after `ms`. NOT_FOUND when there is no row. */
  until(
    id: string,
    wanted: (record: SandboxRecord) => boolean,
    ms: number,
    signal: AbortSignal,
  ): Promise<SandboxRecord>;
  /** Removes the row, leaves a tombstone and tells the watchers. */
  remove(id: string): Promise<void>;
}

/** What an engine says of a sandbox is kept up to this length: a row's size is bounded by it. */
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
  hub: Hub;
  log: Logger;
  now: () => number;
  /** Told of every write, after the watchers; must not throw. */
  onChange: (record: SandboxRecord) => void;
}): Records {
  const { store, hub, log, now } = options;
  async function get(id: string): Promise<SandboxRecord> {
    const record = await store.getSandbox(id);
    if (record === undefined) {
      throw notFound('sandbox not found');
    }
    return record;
  }

  function tell(record: SandboxRecord): void {
    log.info(`sandbox '${record.name}' is ${record.phase}`, {
      sandbox_id: record.id,
      workspace: record.workspace,
      ...(record.phase === 'exited' ? { exit_code: record.exitCode } : {}),
      ...(record.phase === 'failed' ? { reason: record.reason } : {}),
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
            const kept = index === changes.length - 1 ? remember : undefined;
            record = await store.updateSandbox(id, record.resourceVersion, bounded(change), kept);
            if (record.phase !== before) {
              tell(record);
            }
            hub.publish(id, { type: 'record', record });
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
      const seen = new AbortController();
      const leave = hub.subscribe(id, (event) => {
        if (event.type === 'removed' || (event.type === 'record' && wanted(event.record))) {
          seen.abort();
        }
      });
      try {
        const record = await get(id);
        if (wanted(record)) {
          return record;
        }
        await delay(ms, AbortSignal.any([seen.signal, signal])).catch(() => {});
        signal.throwIfAborted();
        return await get(id);
      } finally {
        leave();
      }
    },
    async remove(id) {
      await store.removeSandbox(id, now());
      hub.publish(id, { type: 'removed' });
    },
  };
}
