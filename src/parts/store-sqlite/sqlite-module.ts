import { OpenShellError, unavailable } from '../../compute/errors.js';

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** The part of `node:sqlite` that the store uses; @photostructure/sqlite has the same API. */
export interface SqliteModule {
  readonly DatabaseSync: new (path: string) => SqliteDatabase;
}

export interface SqliteDatabase {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface SqliteStatement {
  get(...values: SqlValue[]): SqlRow | undefined;
  all(...values: SqlValue[]): SqlRow[];
  iterate(...values: SqlValue[]): Iterable<SqlRow>;
  run(...values: SqlValue[]): { changes: number | bigint };
}

/** SQL as the rest of the store runs it; statements are prepared once. */
export interface Sql {
  get(sql: string, ...values: SqlValue[]): SqlRow | undefined;
  all(sql: string, ...values: SqlValue[]): SqlRow[];
  /** One row after the other; ends when the loop does. */
  iterate(sql: string, ...values: SqlValue[]): Iterable<SqlRow>;
  /** Returns the number of rows it changed. */
  run(sql: string, ...values: SqlValue[]): number;
}

/** Node's own module; undefined where this Node has none. Its ExperimentalWarning (Node 22) is kept off stderr. */
function builtin(): SqliteModule | undefined {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (rest[0] === 'ExperimentalWarning' && String(warning).startsWith('SQLite ')) {
      return;
    }
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  try {
    return process.getBuiltinModule('node:sqlite') as SqliteModule | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The package for a Node without SQLite; undefined when it is not installed. */
async function fallback(): Promise<SqliteModule | undefined> {
  try {
    return await import('@photostructure/sqlite');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
      return undefined;
    }
    throw unavailable(
      `the package @photostructure/sqlite does not load: ${OpenShellError.from(error).message}`,
      { reason: 'StoreEngineMissing', hint: 'run Node 22.13 or later, which needs no package', cause: error },
    );
  }
}

/** SQLite for this Node: its own, else the optional package. UNAVAILABLE when there is neither. */
export async function loadSqlite(sources = { builtin, fallback }): Promise<SqliteModule> {
  const module = sources.builtin() ?? (await sources.fallback());
  if (module !== undefined) {
    return module;
  }
  throw unavailable(
    `Node ${process.version} has no SQLite, and the optional package @photostructure/sqlite is not installed`,
    {
      reason: 'StoreEngineMissing',
      hint: 'run Node 22.13 or later, or install the packages again without --omit=optional',
    },
  );
}
