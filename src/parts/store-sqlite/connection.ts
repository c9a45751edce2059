import { unavailable } from '../../compute/errors.js';
import type { Sql, SqliteDatabase, SqliteStatement, SqlValue } from './engine.js';
import { fullError, isFull, storeError } from './errors.js';
import { createLog, type Hold } from './log-of-writes.js';
import { closeDatabase } from './open-database.js';
import type { Reserve } from './reserve.js';
import { inTransaction } from './transaction.js';

export interface Connection {
  read<T>(work: (sql: Sql) => T): Promise<T>;
  /**
   * Runs `work` in a transaction and resolves when that is on the disk. `work` may run twice, the first time
   * without effect: it must do nothing but SQL.
   */
  write<T>(work: (sql: Sql) => T): Promise<T>;
  /** The same for what adds something: refused on a full disk before a write would be. */
  add<T>(work: (sql: Sql) => T): Promise<T>;
  /** The same for what takes secrets away: a second later nothing of them is left in the files. */
  erase<T>(work: (sql: Sql) => T): Promise<T>;
  /** The database file as it is now, which stays so until the hold ends. Everything goes on meanwhile. */
  hold(): Hold;
  /** Writes what was asked for before, then gives the file up. */
  close(): Promise<void>;
}

type Kind = 'write' | 'add' | 'erase';

interface Job {
  readonly work: (sql: Sql) => unknown;
  readonly kind: Kind;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How many writes share one fsync at most. */
const MAX_BATCH = 64;
/** What a commit writes at most before its last write: the reserve is sized by it. */
const MAX_BATCH_BYTES = 256 * 1024;

/** `written`: told how many bytes a statement puts down. */
function preparedSql(database: SqliteDatabase, written: (bytes: number) => void): Sql {
  const statements = new Map<string, SqliteStatement>();
  function prepared(sql: string): SqliteStatement {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  }

  return {
    get(sql, ...values) {
      // An INSERT that returns its id is a get.
      written(bytesOf(values));
      return prepared(sql).get(...values);
    },
    all: (sql, ...values) => prepared(sql).all(...values),
    iterate: (sql, ...values) => prepared(sql).iterate(...values),
    run(sql, ...values) {
      written(bytesOf(values));
      return Number(prepared(sql).run(...values).changes);
    },
  };
}

function bytesOf(values: readonly SqlValue[]): number {
  return values.reduce<number>(
    (sum, value) => sum + (typeof value === 'string' ? Buffer.byteLength(value) : 8),
    0,
  );
}

/** Reads at once, and writes in the order asked for; writes that come in one turn of the event loop share a commit. */
export function connect(database: SqliteDatabase, path: string, reserve: Reserve): Connection {
  let written = 0;
  const sql = preparedSql(database, (bytes) => {
    written += bytes;
  });
  const log = createLog(database, path);
  let queue: Job[] = [];
  let scheduled = false;
  let closed = false;

  /** The answers of as many of the jobs, from the first, as share this commit. */
  function commit(jobs: readonly Job[]): unknown[] {
    const answers: unknown[] = [];
    written = 0;
    inTransaction(database, () => {
      for (const job of jobs) {
        answers.push(job.work(sql));
        if (written > MAX_BATCH_BYTES) {
          return;
        }
      }
    });
    log.committed(
      written,
      jobs.slice(0, answers.length).some(({ kind }) => kind === 'erase'),
    );
    return answers;
  }

  /** On a full disk it makes what room there is: the log's own, then, for what adds nothing, that of the reserve. */
  function commitAlone(job: Job): unknown {
    function giveUpReserve() {
      reserve.release();
      log.restart();
    }

    for (const makeRoom of job.kind === 'add' ? [log.restart] : [log.restart, giveUpReserve]) {
      try {
        return commit([job])[0];
      } catch (error) {
        if (!isFull(error)) {
          throw error;
        }
        makeRoom();
      }
    }
    return commit([job])[0];
  }

  function settleAlone(job: Job): void {
    try {
      job.resolve(commitAlone(job));
    } catch (error) {
      job.reject(storeError(error, path));
    }
  }

  /** How many of the jobs it settled. */
  function settle(jobs: readonly Job[]): number {
    let values: unknown[];
    try {
      values = commit(jobs);
    } catch {
      for (const job of jobs) {
        settleAlone(job);
      }
      return jobs.length;
    }
    for (const [index, value] of values.entries()) {
      jobs[index]?.resolve(value);
    }
    return values.length;
  }

  function flush(): void {
    scheduled = false;
    const jobs = queue;
    queue = [];
    for (let at = 0; at < jobs.length; ) {
      at += settle(jobs.slice(at, at + MAX_BATCH));
    }
  }

  function assertOpen(): void {
    if (closed) {
      throw unavailable(`the database ${path} is closed`, { reason: 'StoreClosed' });
    }
  }

  async function enqueue<T>(work: (sql: Sql) => T, kind: Kind): Promise<T> {
    assertOpen();
    return new Promise<T>((resolve, reject) => {
      queue.push({ work, kind, resolve: resolve as (value: unknown) => void, reject });
      if (scheduled) {
        return;
      }
      scheduled = true;
      setImmediate(flush);
    });
  }

  return {
    async read(work) {
      assertOpen();
      try {
        return work(sql);
      } catch (error) {
        throw storeError(error, path);
      }
    },
    write: (work) => enqueue(work, 'write'),
    erase: (work) => enqueue(work, 'erase'),
    hold() {
      assertOpen();
      return log.hold();
    },
    async add(work) {
      if (!reserve.restore()) {
        throw fullError(path);
      }
      return enqueue(work, 'add');
    },
    async close() {
      if (closed) {
        return;
      }
      closed = true;
      flush();
      log.close();
      closeDatabase(database);
    },
  };
}
