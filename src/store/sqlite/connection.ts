import { unavailable } from '../../compute/errors.js';
import type { SqliteDatabase, SqliteStatement, SqlRow, SqlValue } from './engine.js';
import { fullError, isFull, storeError } from './errors.js';
import { closeDatabase, restartLog } from './open-database.js';
import type { Reserve } from './reserve.js';
import { inTransaction } from './transaction.js';

/** SQL as the rooms of the store run it; statements are prepared once. */
export interface Sql {
  get(sql: string, ...values: SqlValue[]): SqlRow | undefined;
  all(sql: string, ...values: SqlValue[]): SqlRow[];
  /** The number of rows it changed. */
  run(sql: string, ...values: SqlValue[]): number;
}

export interface Connection {
  read<T>(work: (sql: Sql) => T): Promise<T>;
  /**
   * Runs `work` in a transaction and resolves when that is on the disk. `work` may run twice, the first time
   * without effect: it must do nothing but SQL.
   */
  write<T>(work: (sql: Sql) => T): Promise<T>;
  /** The same for what adds something: refused on a full disk before a write would be. */
  add<T>(work: (sql: Sql) => T): Promise<T>;
  /** Writes what was asked for before, then gives the file up. */
  close(): Promise<void>;
}

interface Job {
  readonly work: (sql: Sql) => unknown;
  readonly adds: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How many writes share one fsync at most. */
const MAX_BATCH = 64;

const preparedSql = (database: SqliteDatabase): Sql => {
  const statements = new Map<string, SqliteStatement>();
  const prepared = (sql: string): SqliteStatement => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  return {
    get: (sql, ...values) => prepared(sql).get(...values),
    all: (sql, ...values) => prepared(sql).all(...values),
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
  };
};

/** Reads at once, and writes in the order asked for; writes that come in one turn of the event loop share a commit. */
export const connect = (database: SqliteDatabase, path: string, reserve: Reserve): Connection => {
  const sql = preparedSql(database);
  let queue: Job[] = [];
  let scheduled = false;
  let closed = false;

  const commit = (jobs: readonly Job[]): unknown[] =>
    inTransaction(database, () => jobs.map((job) => job.work(sql)));

  /** On a full disk it makes what room there is: the log's own, then, for what adds nothing, that of the reserve. */
  const commitAlone = (job: Job): unknown => {
    const restart = () => restartLog(database);
    const giveUpReserve = () => {
      reserve.release();
      restart();
    };
    for (const makeRoom of job.adds ? [restart] : [restart, giveUpReserve]) {
      try {
        return commit([job])[0];
      } catch (error) {
        if (!isFull(error)) throw error;
        makeRoom();
      }
    }
    return commit([job])[0];
  };

  const settleAlone = (job: Job): void => {
    try {
      job.resolve(commitAlone(job));
    } catch (error) {
      job.reject(storeError(error, path));
    }
  };

  const settle = (jobs: readonly Job[]): void => {
    let values: unknown[];
    try {
      values = commit(jobs);
    } catch {
      for (const job of jobs) settleAlone(job);
      return;
    }
    for (const [index, job] of jobs.entries()) job.resolve(values[index]);
  };

  const flush = (): void => {
    scheduled = false;
    const jobs = queue;
    queue = [];
    for (let at = 0; at < jobs.length; at += MAX_BATCH) settle(jobs.slice(at, at + MAX_BATCH));
  };

  const assertOpen = (): void => {
    if (closed) throw unavailable(`the database ${path} is closed`, { reason: 'StoreClosed' });
  };

  const enqueue = async <T>(work: (sql: Sql) => T, adds: boolean): Promise<T> => {
    assertOpen();
    return new Promise<T>((resolve, reject) => {
      queue.push({ work, adds, resolve: resolve as (value: unknown) => void, reject });
      if (scheduled) return;
      scheduled = true;
      setImmediate(flush);
    });
  };

  return {
    async read(work) {
      assertOpen();
      try {
        return work(sql);
      } catch (error) {
        throw storeError(error, path);
      }
    },
    write: (work) => enqueue(work, false),
    async add(work) {
      if (!reserve.restore()) throw fullError(path);
      return enqueue(work, true);
    },
    async close() {
      if (closed) return;
      closed = true;
      flush();
      closeDatabase(database);
    },
  };
};
