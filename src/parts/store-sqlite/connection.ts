import { unavailable } from '../../compute/errors.js';
import { fullError, isFull, storeError } from './errors.js';
import { createLog, type Hold } from './log-of-writes.js';
import { closeDatabase } from './open-database.js';
import type { Reserve } from './reserve.js';
import type { Sql, SqliteDatabase, SqliteStatement, SqlValue } from './sqlite-module.js';
import { inTransaction } from './transaction.js';

export interface Connection {
  read<T>(work: (sql: Sql) => T): Promise<T>;
  /**
   * Runs `work` in a transaction and resolves when that is on disk. `work` may run twice, the first time
   * without effect: it must only run SQL.
   */
  write<T>(work: (sql: Sql) => T): Promise<T>;
  /** The same for additions: refused on a full disk earlier than other writes. */
  add<T>(work: (sql: Sql) => T): Promise<T>;
  /** The same for removing secrets: a second later nothing of them is left in the files. */
  erase<T>(work: (sql: Sql) => T): Promise<T>;
  /** Keeps the database file unchanged until the hold ends. Reads and writes continue. */
  hold(): Hold;
  /** Commits pending writes, then releases the file. */
  close(): Promise<void>;
}

type Kind = 'write' | 'add' | 'erase';

interface Job {
  readonly work: (sql: Sql) => unknown;
  readonly kind: Kind;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The most writes that share one fsync. */
const MAX_BATCH = 64;
/** The most bytes of a commit before its last write; determines the size of the reserve. */
const MAX_BATCH_BYTES = 256 * 1024;

/** @param written called with how many bytes a statement writes */
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

/** Reads at once and writes in order; writes of one turn of the event loop share a commit. */
export function connect(database: SqliteDatabase, path: string, reserve: Reserve): Connection {
  let written = 0;
  const sql = preparedSql(database, (bytes) => {
    written += bytes;
  });
  const log = createLog(database, path);
  let queue: Job[] = [];
  let scheduled = false;
  let closed = false;

  /** Commits jobs, from the first on, up to the size limit; returns their results. */
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

  /** On a full disk it frees space: the log's, then, unless the job adds something, the reserve's. */
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

  /** Returns how many of the jobs it settled. */
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
